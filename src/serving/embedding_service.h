// SPDX-License-Identifier: Apache-2.0
// EmbeddingService: all that the routes know of what computes. It exists, and answers for its
// state, before the model is loaded.
//
// Every method may be called from any thread, never blocks and never computes on the caller's
// thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/client_watch.h"
#include "base/result.h"
#include "tasks/embed.h"

namespace minnow {

enum class ServiceState { kLoading, kReady, kDraining, kFailed };

struct ServiceStatus {
  ServiceState state = ServiceState::kLoading;
  std::string message;  // why it failed
};

// How near a packed model's vectors are to those in fp32, as measured when it was packed.
struct QualityFacts {
  int texts = 0;
  double cosine_mean = 0;
  double cosine_min = 0;
};

// What is known once the model is loaded.
struct EmbeddingFacts {
  std::string model_id;
  std::string dtype;               // "fp32", "bf16", "int8"
  std::string pooling;             // "mean", "cls", ...
  size_t embedding_size = 0;       // D
  size_t max_sequence_tokens = 0;  // special tokens included
  size_t max_batch_tokens = 0;
  size_t max_concurrent_requests = 0;
  size_t prepare_threads = 0;
  int64_t loaded_unix_seconds = 0;
  std::string embedding_dtype;          // of the word table: "fp32", "int8", "int4", ...
  std::optional<QualityFacts> quality;  // of a packed model
};

class EmbeddingService {
 public:
  using EmbedCallback = std::function<void(Result<EmbedAnswer>)>;

  virtual ~EmbeddingService() = default;

  virtual ServiceStatus status() const = 0;
  // Null until the state has been kReady; then valid as long as the service. So is the tokenizer.
  virtual const EmbeddingFacts* facts() const = 0;
  virtual const Tokenizer* tokenizer() const = 0;
  // Inputs that are waiting or being computed.
  virtual size_t queued_inputs() const = 0;

  // `done` is called once: on one of the service's threads, or on the caller's when the request is
  // refused at once (kOverloaded). A client that leaves ends its request early, with kDeadline.
  // REQUIRES: facts() != nullptr.
  virtual void Embed(EmbedRequest request, const std::shared_ptr<ClientWatch>& client,
                     EmbedCallback done) = 0;
  // Runs `work` on one of the service's threads, before long. kOverloaded: it will not run. Work
  // that was taken is dropped without being run only when the service is destroyed. REQUIRES:
  // facts() != nullptr.
  virtual Status RunAside(std::function<void()> work) = 0;
};

}  // namespace minnow
