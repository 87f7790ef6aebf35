// SPDX-License-Identifier: Apache-2.0
// Metrics: buckets, and the Prometheus text exposition format 0.0.4.
#include "serving/metrics.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/process_usage.h"

namespace minnow {
namespace {

constexpr int kDurationBuckets = 35;
constexpr double kFirstDuration = 15e-6;
constexpr double kDurationFactor = 1.5;
constexpr int kLengthExponents = 14;  // inputs of up to 8192 tokens
constexpr int kSizeExponents = 13;    // 2^0 .. 2^12
constexpr int kTokenExponents = 21;   // 2^0 .. 2^20

constexpr std::array<std::string_view, kFailureKinds> kFailureNames = {
    "validation", "batch_size", "model_type", "tokenization",
    "overloaded", "inference",  "dropped",    "missing_values"};

std::vector<double> DurationBounds() {
  std::vector<double> bounds;
  double bound = kFirstDuration;
  for (int i = 0; i < kDurationBuckets; ++i, bound *= kDurationFactor) bounds.push_back(bound);
  return bounds;
}

std::vector<double> PowersOfTwo(int count) {
  std::vector<double> bounds;
  for (int i = 0; i < count; ++i) bounds.push_back(static_cast<double>(uint64_t{1} << i));
  return bounds;
}

void AppendNumber(double value, std::string& out) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  out.append(text, end);
}

void AppendType(std::string_view name, std::string_view type, std::string_view help,
                std::string& out) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void AppendSample(std::string_view name, std::string_view labels, double value, std::string& out) {
  out.append(name).append(labels).append(" ");
  AppendNumber(value, out);
  out += '\n';
}

void AppendMethods(std::string_view name, std::string_view help, const Counter& single,
                   const Counter& batch, std::string& out) {
  AppendType(name, "counter", help, out);
  AppendSample(name, "{method=\"single\"}", static_cast<double>(single.value()), out);
  AppendSample(name, "{method=\"batch\"}", static_cast<double>(batch.value()), out);
}

void AppendCounter(std::string_view name, std::string_view help, const Counter& counter,
                   std::string& out) {
  AppendType(name, "counter", help, out);
  AppendSample(name, "", static_cast<double>(counter.value()), out);
}

double Load(const auto& value) {
  return static_cast<double>(value.load(std::memory_order_relaxed));
}

void AppendServer(const ServerCounters& server, std::string& out) {
  AppendType("minnow_http_open_connections", "gauge", "Open connections.", out);
  AppendSample("minnow_http_open_connections", "", Load(server.open_connections), out);
  AppendType("minnow_http_connections_total", "counter", "Connections accepted.", out);
  AppendSample("minnow_http_connections_total", "", Load(server.accepted_connections), out);
  AppendType("minnow_http_received_body_bytes_total", "counter", "Bytes of requests' bodies.", out);
  AppendSample("minnow_http_received_body_bytes_total", "", Load(server.received_body_bytes), out);
  AppendType("minnow_http_sent_bytes_total", "counter", "Bytes of answers.", out);
  AppendSample("minnow_http_sent_bytes_total", "", Load(server.sent_bytes), out);
  AppendType("minnow_http_requests_total", "counter", "Answers by status.", out);
  for (size_t i = 0; i < server.answers.size(); ++i) {
    const double count = Load(server.answers[i]);
    const size_t status = i + ServerCounters::kFirstStatus;
    if (count == 0 && status != 200) continue;
    AppendSample("minnow_http_requests_total", "{status=\"" + std::to_string(status) + "\"}", count,
                 out);
  }
}

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

void AppendQueue(const MetricsGauges& gauges, std::string& out) {
  AppendType("minnow_queue_expected_wait_seconds", "gauge",
             "Expected wait of a request that comes now, of the model where it is longest.", out);
  AppendSample("minnow_queue_expected_wait_seconds", "", Seconds(gauges.expected_wait), out);
  AppendType("minnow_refused_requests_total", "counter", "Requests refused, by the limit.", out);
  const auto refused = [&out](const char* limit, uint64_t count) {
    AppendSample("minnow_refused_requests_total", "{limit=\"" + std::string(limit) + "\"}",
                 static_cast<double>(count), out);
  };
  refused("wait", gauges.refusals.wait);
  refused("memory", gauges.refusals.memory);
  refused("count", gauges.refusals.count);
  if (gauges.memory == nullptr) return;
  AppendType("minnow_memory_used_bytes", "gauge", "Memory of models and requests, as counted.",
             out);
  AppendSample("minnow_memory_used_bytes", "", static_cast<double>(gauges.memory->used()), out);
  AppendType("minnow_memory_limit_bytes", "gauge", "Above, requests are refused.", out);
  AppendSample("minnow_memory_limit_bytes", "", static_cast<double>(gauges.memory->limit()), out);
}

// inputs: that wait or run.
void AppendGenerate(const GenerateMetrics& generate, size_t inputs, std::string& out) {
  const auto gauge = [&out](std::string_view name, std::string_view help, double value) {
    AppendType(name, "gauge", help, out);
    AppendSample(name, "", value, out);
  };
  AppendCounter("minnow_generate_prompt_tokens_total", "Tokens of inputs that were answered.",
                generate.input_tokens, out);
  AppendType("minnow_generate_tokens_total", "counter", "Tokens generated, as they are made.", out);
  AppendSample("minnow_generate_tokens_total", "", Load(generate.load.new_tokens), out);
  const double running = Load(generate.load.running);
  gauge("minnow_generate_requests_running", "Inputs of which texts are being made.", running);
  gauge("minnow_generate_requests_waiting", "Inputs that wait for their first step.",
        std::max(0.0, static_cast<double>(inputs) - running));
  gauge("minnow_generate_cache_bytes", "Memory of the caches of those that run, as counted.",
        Load(generate.load.cache_bytes));
}

// requests: that wait or run.
void AppendImage(const ImageMetrics& image, size_t requests, std::string& out) {
  const auto add = [&out](std::string_view name, std::string_view type, std::string_view help,
                          double value) {
    AppendType(name, type, help, out);
    AppendSample(name, "", value, out);
  };
  AppendCounter("minnow_image_pictures_total", "Pictures of requests that were answered.",
                image.pictures, out);
  add("minnow_image_steps_total", "counter", "Steps of denoising, as they are made.",
      Load(image.load.steps));
  const double running = Load(image.load.running);
  add("minnow_image_requests_running", "gauge", "Requests of which pictures are being made.",
      running);
  add("minnow_image_requests_waiting", "gauge", "Requests that wait for their first step.",
      std::max(0.0, static_cast<double>(requests) - running));
  add("minnow_image_planned_bytes", "gauge", "Memory of those that run, as planned.",
      Load(image.load.planned_bytes));
}

void AppendReplica(const ReplicaStatus::View& replica, std::string& out) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto age =
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count() - replica.created_unix_ms;
  const bool served = replica.generation > 0;
  AppendType("minnow_index_generation", "gauge", "Of the snapshot that is served; 0: none.", out);
  AppendSample("minnow_index_generation", "", static_cast<double>(replica.generation), out);
  AppendType("minnow_index_age_seconds", "gauge", "Since that snapshot was made.", out);
  AppendSample("minnow_index_age_seconds", "", served ? static_cast<double>(age) / 1000 : 0, out);
  AppendType("minnow_index_refresh_failures_total", "counter",
             "Looks for a newer snapshot that came to nothing.", out);
  AppendSample("minnow_index_refresh_failures_total", "", static_cast<double>(replica.failures),
               out);
}

bool IsTime(std::string_view name) {
  return name.ends_with("duration") || name.ends_with("seconds");
}

void AppendProcess(std::string& out) {
  const ProcessUsage usage = ReadProcessUsage();
  AppendType("process_resident_memory_bytes", "gauge", "Resident memory.", out);
  AppendSample("process_resident_memory_bytes", "", static_cast<double>(usage.resident_bytes), out);
  AppendType("process_cpu_seconds_total", "counter", "User and system time.", out);
  AppendSample("process_cpu_seconds_total", "", usage.cpu_seconds, out);
  AppendType("minnow_build_info", "gauge", "The version, as a label.", out);
  AppendSample("minnow_build_info", "{version=\"" MINNOW_VERSION "\"}", 1, out);
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(new std::atomic<uint64_t>[bounds_.size() + 1]()) {}

void Histogram::Observe(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

void Histogram::Render(std::string_view name, std::string& out) const {
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= bounds_.size(); ++i) {
    cumulative += counts_[i].load(std::memory_order_relaxed);
    out.append(name).append("_bucket{le=\"");
    if (i < bounds_.size()) {
      AppendNumber(bounds_[i], out);
    } else {
      out += "+Inf";
    }
    out.append("\"} ").append(std::to_string(cumulative)).append("\n");
  }
  out.append(name).append("_sum ");
  AppendNumber(sum_.load(std::memory_order_relaxed), out);
  out.append("\n").append(name).append("_count ").append(std::to_string(cumulative)).append("\n");
}

Durations::Durations()
    : total(DurationBounds()),
      tokenization(DurationBounds()),
      queue(DurationBounds()),
      inference(DurationBounds()) {}

void Durations::Observe(const JobTimings& timings, std::chrono::nanoseconds all) {
  total.Observe(Seconds(all));
  tokenization.Observe(Seconds(timings.prepare));
  queue.Observe(Seconds(timings.queue));
  inference.Observe(Seconds(timings.run));
}

GenerateMetrics::GenerateMetrics() : first_token(DurationBounds()), a_token(DurationBounds()) {}

void GenerateMetrics::Observe(size_t inputs, size_t tokens, std::chrono::nanoseconds first,
                              std::chrono::nanoseconds each) {
  input_tokens.Add(inputs);
  if (tokens > 0) first_token.Observe(Seconds(first));
  if (tokens > 1) a_token.Observe(Seconds(each));
}

ImageMetrics::ImageMetrics() : step(DurationBounds()) {}

void ImageMetrics::Observe(size_t count, std::chrono::nanoseconds a_step) {
  pictures.Add(count);
  step.Observe(Seconds(a_step));
}

Metrics::Metrics()
    : request_input_length(PowersOfTwo(kLengthExponents)),
      search_duration(DurationBounds()),
      search_rerank_duration(DurationBounds()),
      batch_next_size(PowersOfTwo(kSizeExponents)),
      batch_next_tokens(PowersOfTwo(kTokenExponents)) {}

void Metrics::Observe(TaskKind task, const JobTimings& timings, std::chrono::nanoseconds total) {
  request_duration.Observe(timings, total);
  Of(task).duration.Observe(timings, total);
}

std::string Metrics::Render(const MetricsGauges& gauges) const {
  std::string out;
  AppendMethods("te_request_count", "Requests.", request_count_single, request_count_batch, out);
  AppendMethods("te_request_success", "Requests that succeeded.", request_success_single,
                request_success_batch, out);
  AppendType("te_request_failure", "counter", "Requests that failed, by reason.", out);
  for (size_t i = 0; i < kFailureKinds; ++i) {
    AppendSample("te_request_failure", "{err=\"" + std::string(kFailureNames[i]) + "\"}",
                 static_cast<double>(request_failure[i].value()), out);
  }
  for (const auto& [name, task] : {std::pair("te_embed", &embed),
                                   {"te_predict", &predict},
                                   {"te_rerank", &rerank},
                                   {"te_generate", &generation},
                                   {"te_image", &painting}}) {
    AppendCounter(name + std::string("_count"), "Inputs.", task->count, out);
    AppendCounter(name + std::string("_success"), "Inputs that were answered.", task->success, out);
  }
  AppendCounter("minnow_search_count", "Searches answered, their embedding not counted.",
                search_count, out);
  AppendType("te_queue_size", "gauge", "Inputs waiting or being computed.", out);
  AppendSample("te_queue_size", "", static_cast<double>(gauges.queue_size), out);
  AppendQueue(gauges, out);
  const auto histogram = [&out](std::string_view name, const Histogram& values) {
    AppendType(name, "histogram", IsTime(name) ? "Seconds." : "Sizes.", out);
    values.Render(name, out);
  };
  const std::pair<std::string, const Durations*> durations[] = {
      {"te_request_", &request_duration},     {"te_embed_", &embed.duration},
      {"te_predict_", &predict.duration},     {"te_rerank_", &rerank.duration},
      {"te_generate_", &generation.duration}, {"te_image_", &painting.duration}};
  for (const auto& [prefix, times] : durations) {
    histogram(prefix + "duration", times->total);
    histogram(prefix + "tokenization_duration", times->tokenization);
    histogram(prefix + "queue_duration", times->queue);
    histogram(prefix + "inference_duration", times->inference);
  }
  AppendGenerate(generate, gauges.generate_inputs, out);
  histogram("minnow_generate_time_to_first_token_seconds", generate.first_token);
  histogram("minnow_generate_time_per_output_token_seconds", generate.a_token);
  AppendImage(image, gauges.image_requests, out);
  histogram("minnow_image_time_per_step_seconds", image.step);
  histogram("te_request_input_length", request_input_length);
  histogram("te_batch_next_size", batch_next_size);
  histogram("te_batch_next_tokens", batch_next_tokens);
  histogram("minnow_search_duration", search_duration);
  histogram("minnow_search_rerank_duration", search_rerank_duration);
  AppendType("minnow_ready", "gauge", "1 while requests are served.", out);
  AppendSample("minnow_ready", "", gauges.ready ? 1 : 0, out);
  if (gauges.server != nullptr) AppendServer(*gauges.server, out);
  if (gauges.replica.has_value()) AppendReplica(*gauges.replica, out);
  AppendProcess(out);
  return out;
}

}  // namespace minnow
