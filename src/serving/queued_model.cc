// SPDX-License-Identifier: Apache-2.0
#include "serving/queued_model.h"

#include <algorithm>
#include <span>

namespace minnow {
namespace {

// A query that comes while documents are embedded waits for one batch of this size at most.
constexpr size_t kBulkBatchTokens = 64;

// A task that counts what its batches hold.
class MeasuredTask : public Task {
 public:
  MeasuredTask(std::unique_ptr<const Task> task, Metrics* metrics)
      : task_(std::move(task)), metrics_(metrics) {}

  size_t max_item_work() const override { return task_->max_item_work(); }
  size_t WorkspaceBytes(size_t max_work, size_t max_items, int threads) const override {
    return task_->WorkspaceBytes(max_work, max_items, threads);
  }
  std::unique_ptr<Workspace> NewWorkspace(size_t max_work, size_t max_items,
                                          ThreadPool* pool) const override {
    return task_->NewWorkspace(max_work, max_items, pool);
  }
  void Step(std::span<const BatchItem> items, Workspace& workspace,
            std::span<StepOutcome> outcomes) const override {
    uint64_t tokens = 0;
    for (const BatchItem& item : items) tokens += item.work;
    metrics_->batch_next_size.Observe(static_cast<double>(items.size()));
    metrics_->batch_next_tokens.Observe(static_cast<double>(tokens));
    task_->Step(items, workspace, outcomes);
  }

 private:
  const std::unique_ptr<const Task> task_;
  Metrics* const metrics_;
};

}  // namespace

QueuedModel::QueuedModel(ModelFacts facts, std::unique_ptr<const Task> task, Metrics* metrics)
    : LoadedModel(std::move(facts)),
      task_(std::make_unique<MeasuredTask>(std::move(task), metrics)) {}

Status QueuedModel::Start(Scheduler* scheduler, const ModelQueueOptions& options) {
  facts_.max_batch_tokens = std::max(options.max_batch_work, task_->max_item_work());
  facts_.max_concurrent_requests = options.admission.jobs;
  auto queue = scheduler->AddQueue(task_.get(), options);
  if (!queue.ok()) {
    Error error = std::move(queue).error();
    error.message = facts_.model_id + ": " + error.message + " (--memory-limit)";
    return error;
  }
  queue_ = std::move(queue).value();
  return {};
}

void QueuedModel::CancelWith(ClientWatch& client, const std::shared_ptr<Job>& job) {
  client.OnGone([weak_job = std::weak_ptr<Job>(job), weak_queue = std::weak_ptr(queue_)] {
    const auto job = weak_job.lock();
    if (job == nullptr) return;
    job->Cancel();
    if (const auto queue = weak_queue.lock()) queue->DropCancelled();
  });
}

ModelQueueOptions ToQueueOptions(const ComputeOptions& compute, bool for_indexes) {
  ModelQueueOptions options;
  options.max_batch_work = compute.max_batch_tokens;
  options.max_bulk_batch_work = for_indexes ? kBulkBatchTokens : 0;
  options.admission.jobs = compute.max_concurrent_requests;
  options.admission.wait = std::chrono::milliseconds(compute.max_queue_ms);
  options.admission.memory_wait = options.admission.wait;
  return options;
}

void SetNames(const ModelOptions& options, const std::string& own_name, ModelFacts* facts) {
  facts->model_id = own_name;
  if (options.names.empty()) return;
  facts->named = true;
  facts->model_id = options.names.front();
  facts->aliases.assign(options.names.begin() + 1, options.names.end());
}

}  // namespace minnow
