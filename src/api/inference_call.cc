// SPDX-License-Identifier: Apache-2.0
// What the computing routes share, whatever they compute.
#include "api/inference_call.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <variant>

#include "base/utf8.h"

namespace minnow::api {
namespace {

std::string Milliseconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

}  // namespace

size_t CountCharacters(const std::vector<EmbedInput>& inputs) {
  size_t count = 0;
  const auto add = [&count](const std::string& text) { count += CountCodePoints(text); };
  for (const EmbedInput& input : inputs) {
    if (const auto* text = std::get_if<std::string>(&input)) add(*text);
    if (const auto* pair = std::get_if<TextPair>(&input)) add(pair->first), add(pair->second);
  }
  return count;
}

uint64_t Sum(const std::vector<uint32_t>& tokens) {
  return std::accumulate(tokens.begin(), tokens.end(), uint64_t{0});
}

void WriteUsage(uint64_t tokens, JsonWriter& json) {
  json.Key("usage");
  json.BeginObject();
  json.Key("prompt_tokens");
  json.Uint(tokens);
  json.Key("total_tokens");
  json.Uint(tokens);
  json.EndObject();
}

bool HasText(const std::vector<EmbedInput>& inputs) {
  return std::any_of(inputs.begin(), inputs.end(), [](const EmbedInput& input) {
    return !std::holds_alternative<std::vector<TokenId>>(input);
  });
}

std::optional<Failure> CheckInputs(const Call& call, const std::string& field, size_t inputs,
                                   size_t limit, bool has_text) {
  if (inputs == 0) return Failure{Fault::kEmptyInput, field + ": must not be empty"};
  if (inputs > limit) {
    return Failure{Fault::kBatchTooLarge, field + ": " + std::to_string(inputs) + " items, limit " +
                                              std::to_string(limit)};
  }
  if (has_text && call.model().tokenizer() == nullptr) {
    return Failure{Fault::kNoTokenizer, field + ": model " +
                                            QuoteForMessage(call.facts().model_id) +
                                            " has no tokenizer: it takes lists of token ids only"};
  }
  return std::nullopt;
}

void CountTaken(const Call& call, TaskKind task, size_t inputs, bool batch) {
  Metrics& metrics = *call.context().metrics;
  metrics.CountRequest(batch);
  metrics.Of(task).count.Add(inputs);
}

void SendAnswer(Call& call, TaskKind task, bool batch, size_t characters,
                const std::vector<uint32_t>& tokens, size_t truncated, const JobTimings& timings,
                std::string body) {
  Metrics& metrics = *call.context().metrics;
  for (const uint32_t count : tokens) metrics.request_input_length.Observe(count);
  http::Response response;
  response.content_type = "application/json";
  // Digits of floats hardly shrink, and this may be a model's worker.
  response.codable = false;
  response.body = std::move(body);
  const std::chrono::nanoseconds total = std::chrono::steady_clock::now() - call.request().received;
  response.headers = {{"x-compute-type", "cpu"},
                      {"x-compute-time", Milliseconds(total)},
                      {"x-compute-characters", std::to_string(characters)},
                      {"x-compute-tokens", std::to_string(Sum(tokens))},
                      {"x-total-time", Milliseconds(total)},
                      {"x-tokenization-time", Milliseconds(timings.prepare)},
                      {"x-queue-time", Milliseconds(timings.queue)},
                      {"x-inference-time", Milliseconds(timings.run)}};
  // OpenAI's bodies have no place for it, and a text that was cut is easily missed.
  if (truncated > 0) response.headers.push_back({"x-truncated-inputs", std::to_string(truncated)});
  metrics.Observe(task, timings, total);
  metrics.CountSuccess(batch);
  metrics.Of(task).success.Add(tokens.size());
  call.Finish(std::move(response));
}

}  // namespace minnow::api
