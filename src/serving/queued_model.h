// SPDX-License-Identifier: Apache-2.0
// QueuedModel: a model whose requests become the jobs of a queue of the server's scheduler.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "engine/scheduler.h"
#include "serving/engine_model.h"
#include "serving/loaded_model.h"
#include "serving/metrics.h"

namespace minnow {

class QueuedModel : public LoadedModel {
 public:
  using LoadedModel::Run;
  // Once, before the model is shared. kInternal where there is no memory or no thread.
  Status Start(Scheduler* scheduler, const ModelQueueOptions& options);

  ModelLoad load() const override {
    return {queue_->load().items, queue_->expected_wait(), queue_->stats().refusals};
  }
  std::chrono::seconds retry_after() const override { return queue_->retry_after(); }
  void Stop() override {
    if (queue_ != nullptr) queue_->Close();
  }

 protected:
  // `metrics` outlives it; it counts what batches hold. Whoever derives from it calls Stop in its
  // destructor: jobs use what it holds.
  QueuedModel(ModelFacts facts, std::unique_ptr<const Task> task, Metrics* metrics);

  // `done` hears only of a job that is refused: one that is taken has its own.
  template <class Done>
  void Submit(std::shared_ptr<Job> job, const std::shared_ptr<ClientWatch>& client,
              const Done& done) {
    if (client != nullptr) CancelWith(*client, job);
    Status status = queue_->Submit(std::move(job));
    if (!status.ok()) done(std::move(status).error());
  }

 private:
  void CancelWith(ClientWatch& client, const std::shared_ptr<Job>& job);

  const std::unique_ptr<const Task> task_;
  std::shared_ptr<ModelQueue> queue_;
};

// `for_indexes`: as LoadModel has it.
ModelQueueOptions ToQueueOptions(const ComputeOptions& compute, bool for_indexes);

// What the operator calls the model, else its own name.
void SetNames(const ModelOptions& options, const std::string& own_name, ModelFacts* facts);

}  // namespace minnow
