// SPDX-License-Identifier: Apache-2.0
// Embedding requests: read, check, submit, cut, write.
#include "api/embed_call.h"

#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <variant>

namespace minnow::api {
namespace {

// Writing more floats than this takes long enough to leave it to another thread than the engine's
// worker.
constexpr size_t kFewFloats = 16 * 1024;

struct EmbedCall {
  const EmbedFamily* family;
  EmbeddingQuery query;  // its inputs are the service's once submitted
  size_t characters = 0;
};

// Code points: bytes that do not continue one.
size_t CountCharacters(const std::vector<EmbedInput>& inputs) {
  size_t count = 0;
  for (const EmbedInput& input : inputs) {
    const auto* text = std::get_if<std::string>(&input);
    if (text == nullptr) continue;
    for (const char c : *text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }
  return count;
}

std::string Milliseconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// What no family lets pass, once the fields have been read.
std::optional<Failure> Check(const EmbeddingQuery& query, const EmbedFamily& family,
                             const Call& call) {
  const std::string& field = query.request.field;
  const size_t inputs = query.request.inputs.size();
  const size_t limit = call.context().options.*family.max_inputs;
  if (!query.model.empty()) {
    if (auto failure = UnknownModel(query.model, call.facts())) return failure;
  }
  if (inputs == 0) return Failure{Fault::kEmptyInput, field + ": must not be empty"};
  if (inputs > limit) {
    return Failure{Fault::kBatchTooLarge, field + ": " + std::to_string(inputs) + " items, limit " +
                                              std::to_string(limit)};
  }
  const size_t size = call.facts().embedding_size;
  if (query.dimensions.value_or(1) > size) {
    return Failure{Fault::kInvalidField, "dimensions: " + std::to_string(*query.dimensions) +
                                             ", limit " + std::to_string(size)};
  }
  return std::nullopt;
}

void Answer(Call& call, const EmbedCall& embed, EmbedAnswer answer) {
  Metrics& metrics = *call.context().metrics;
  const size_t size = call.facts().embedding_size;
  const size_t dimensions = embed.query.dimensions.value_or(size);
  if (dimensions < size) {
    CutVectors(answer.vectors, size, dimensions, embed.query.request.normalize);
  }
  size_t tokens = 0;
  for (const uint32_t count : answer.tokens) {
    tokens += count;
    metrics.request_input_length.Observe(count);
  }
  http::Response response;
  response.content_type = "application/json";
  // Digits of floats hardly shrink, and this may be the engine's worker.
  response.codable = false;
  embed.family->write(embed.query, call.facts(), answer, dimensions, response.body);
  const std::chrono::nanoseconds total = std::chrono::steady_clock::now() - call.request().received;
  response.headers = {{"x-compute-type", "cpu"},
                      {"x-compute-time", Milliseconds(total)},
                      {"x-compute-characters", std::to_string(embed.characters)},
                      {"x-compute-tokens", std::to_string(tokens)},
                      {"x-total-time", Milliseconds(total)},
                      {"x-tokenization-time", Milliseconds(answer.timings.prepare)},
                      {"x-queue-time", Milliseconds(answer.timings.queue)},
                      {"x-inference-time", Milliseconds(answer.timings.run)}};
  metrics.ObserveEmbed(answer.timings, total);
  metrics.CountSuccess(embed.query.batch);
  metrics.embed_success.Add(answer.tokens.size());
  call.Finish(std::move(response));
}

void Submit(Call& call, const EmbedFamily& family) {
  const auto document = call.Parse();
  if (!document.has_value()) return;
  Result<EmbeddingQuery> query = family.read(document->root());
  if (!query.ok()) return call.Fail(ToFailure(std::move(query).error()));
  if (auto failure = Check(*query, family, call)) return call.Fail(*std::move(failure));

  auto embed = std::make_shared<EmbedCall>();
  embed->family = &family;
  embed->characters = CountCharacters(query->request.inputs);
  EmbedRequest request = std::move(query->request);
  embed->query = std::move(query).value();
  embed->query.request.normalize = request.normalize;
  if (family.limit_total_tokens)
    request.max_total_tokens = call.context().options.max_openai_tokens;
  call.context().metrics->CountRequest(embed->query.batch);
  call.context().metrics->embed_count.Add(request.inputs.size());
  call.context().service->Embed(
      std::move(request), call.request().client,
      [self = call.shared_from_this(), embed](Result<EmbedAnswer> result) {
        if (!result.ok()) return self->Fail(ToFailure(std::move(result).error()));
        if (result->vectors.size() <= kFewFloats) {
          return Answer(*self, *embed, std::move(result).value());
        }
        auto answer = std::make_shared<EmbedAnswer>(std::move(result).value());
        self->AsideOrHere([embed, answer](Call& c) { Answer(c, *embed, std::move(*answer)); });
      });
}

}  // namespace

void HandleEmbed(const ApiContext* context, const EmbedFamily& family, http::Request request,
                 http::Responder responder) {
  auto call =
      std::make_shared<Call>(context, family.errors, std::move(request), std::move(responder));
  Call::Begin(std::move(call), [&family](Call& c) { Submit(c, family); });
}

std::optional<Failure> UnknownModel(const std::string& name, const EmbeddingFacts& facts) {
  // Served from a directory, the model has lost the organisation's name that clients know it by.
  if (name == facts.model_id || name.ends_with("/" + facts.model_id)) return std::nullopt;
  return Failure{Fault::kNotFound, "model: " + QuoteForMessage(name) +
                                       " is not served here, only " +
                                       QuoteForMessage(facts.model_id)};
}

void CutVectors(std::vector<float>& vectors, size_t size, size_t dimensions, bool normalize) {
  const size_t count = vectors.size() / size;
  for (size_t i = 0; i < count; ++i) {
    const float* from = vectors.data() + i * size;
    float* to = vectors.data() + i * dimensions;
    std::memmove(to, from, dimensions * sizeof(float));
    if (!normalize) continue;
    double sum = 0;
    for (size_t k = 0; k < dimensions; ++k) sum += static_cast<double>(to[k]) * to[k];
    if (sum == 0) continue;
    const float scale = static_cast<float>(1 / std::sqrt(sum));
    for (size_t k = 0; k < dimensions; ++k) to[k] *= scale;
  }
  vectors.resize(count * dimensions);
}

void AppendBase64(std::span<const float> values, std::string& out) {
  static_assert(std::endian::native == std::endian::little);
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  const size_t size = values.size() * sizeof(float);
  out.reserve(out.size() + (size + 2) / 3 * 4);
  for (size_t i = 0; i < size; i += 3) {
    const size_t left = size - i;
    const uint32_t group = uint32_t{bytes[i]} << 16 | (left > 1 ? uint32_t{bytes[i + 1]} << 8 : 0) |
                           (left > 2 ? uint32_t{bytes[i + 2]} : 0);
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += left > 1 ? kDigits[group >> 6 & 63] : '=';
    out += left > 2 ? kDigits[group & 63] : '=';
  }
}

}  // namespace minnow::api
