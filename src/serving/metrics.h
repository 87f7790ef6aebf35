// SPDX-License-Identifier: Apache-2.0
// Metrics: counters and histograms without locks, and their Prometheus text. Names and buckets are
// those of text-embeddings-inference, so that its dashboards go on working.
//
// Every metric is present from the start, with value 0. All methods may be called from any thread.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory_budget.h"
#include "base/server_counters.h"
#include "engine/admission.h"
#include "engine/task.h"
#include "serving/replica/replica_status.h"
#include "serving/task_kind.h"
#include "tasks/generate/load.h"
#include "tasks/image/load.h"

namespace minnow {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Histogram {
 public:
  // `bounds` are the buckets' upper ends, ascending; the one without an end is added.
  explicit Histogram(std::vector<double> bounds);

  void Observe(double value);
  // Appends the lines NAME_bucket{le="..."}, NAME_sum and NAME_count.
  void Render(std::string_view name, std::string& out) const;

 private:
  const std::vector<double> bounds_;
  const std::unique_ptr<std::atomic<uint64_t>[]> counts_;  // not cumulative; one more than bounds
  std::atomic<double> sum_{0};
};

// Why a request failed, as te_request_failure's label `err` names it.
enum class FailureKind {
  kValidation,
  kBatchSize,
  kModelType,
  kTokenization,
  kOverloaded,
  kInference,
  kDropped,
  kMissingValues,
};
inline constexpr size_t kFailureKinds = 8;

// What Metrics does not count itself.
struct MetricsGauges {
  size_t queue_size = 0;
  size_t generate_inputs = 0;  // of them, those of which texts are made
  size_t image_requests = 0;   // and those of which pictures are
  std::chrono::nanoseconds expected_wait{0};
  Refusals refusals = {};
  const MemoryBudget* memory = nullptr;  // null: its metrics are left out
  bool ready = false;
  const ServerCounters* server = nullptr;           // null: its metrics are left out
  std::optional<ReplicaStatus::View> replica = {};  // none: its metrics are left out
};

// Where the time of requests went.
struct Durations {
  Durations();
  void Observe(const JobTimings& timings, std::chrono::nanoseconds total);

  Histogram total, tokenization, queue, inference;
};

// Inputs and requests of one task.
struct TaskMetrics {
  Counter count, success;
  Durations duration;
};

// Texts that were generated.
struct GenerateMetrics {
  GenerateMetrics();
  // Of a request that was answered. a_token: for each after the first.
  void Observe(size_t input_tokens, size_t new_tokens, std::chrono::nanoseconds first_token,
               std::chrono::nanoseconds a_token);

  GenerateLoad load;
  Counter input_tokens;
  Histogram first_token, a_token;
};

// Pictures that were made.
struct ImageMetrics {
  ImageMetrics();
  // Of a request that was answered.
  void Observe(size_t pictures, std::chrono::nanoseconds a_step);

  ImageLoad load;
  Counter pictures;
  Histogram step;
};

struct Metrics {
  Metrics();

  TaskMetrics& Of(TaskKind task) {
    if (task == TaskKind::kRerank) return rerank;
    if (task == TaskKind::kGenerate) return generation;
    if (task == TaskKind::kImage) return painting;
    return task == TaskKind::kEmbed ? embed : predict;
  }

  // One request to a route that computes; `inputs` were in it.
  void CountRequest(bool batch) { (batch ? request_count_batch : request_count_single).Add(); }
  void CountSuccess(bool batch) { (batch ? request_success_batch : request_success_single).Add(); }
  void CountFailure(FailureKind kind) { request_failure[static_cast<size_t>(kind)].Add(); }
  // A request that was answered.
  void Observe(TaskKind task, const JobTimings& timings, std::chrono::nanoseconds total);

  std::string Render(const MetricsGauges& gauges) const;

  Counter request_count_single, request_count_batch;
  Counter request_success_single, request_success_batch;
  std::array<Counter, kFailureKinds> request_failure;
  Durations request_duration;
  TaskMetrics embed, predict, rerank, generation, painting;
  GenerateMetrics generate;
  ImageMetrics image;
  Histogram request_input_length;
  Counter search_count;
  Histogram search_duration;
  Histogram search_rerank_duration;
  Histogram batch_next_size, batch_next_tokens;
};

}  // namespace minnow
