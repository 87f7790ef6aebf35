// SPDX-License-Identifier: Apache-2.0
// Loads a model and runs it by a queue of the server's scheduler.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "engine/scheduler.h"
#include "models/diffusion/lora.h"
#include "serving/loaded_model.h"
#include "serving/metrics.h"

namespace minnow {

// How the models of a server compute. Counts of threads: 0 means by cores.
struct ComputeOptions {
  int threads = 0;
  int tokenization_threads = 0;
  size_t max_batch_tokens = 2048;
  size_t max_concurrent_requests = 512;
  int max_queue_ms = 2000;
  size_t memory_limit_bytes = 0;  // 0: what this process may use
};
int ComputeThreads(const ComputeOptions& options);
int TokenizationThreads(const ComputeOptions& options);

// One model of the command line.
struct ModelOptions {
  std::string path;                // as ModelSource::Open takes it
  std::vector<std::string> names;  // the first is told in answers; empty: the model's own
  std::string dtype = "auto";
  // Of a model that makes pictures alone (tasks/image/image_model.h).
  std::string tiny_vae = {};
  std::vector<LoraOptions> loras = {};
};

// Reads the model and gives it a queue; `for_indexes`: documents of a store get their vectors from
// it. `scheduler` and `metrics` outlive the model. Fails as the readers of models do, or with
// kInternal where there is no memory or no thread to be had.
Result<std::unique_ptr<LoadedModel>> LoadModel(const ModelOptions& model,
                                               const ComputeOptions& compute, bool for_indexes,
                                               Scheduler* scheduler, Metrics* metrics);

}  // namespace minnow
