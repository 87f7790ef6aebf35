// SPDX-License-Identifier: Apache-2.0
// Embedding requests: check, cut, write.
#include "api/embed_call.h"

#include <bit>
#include <utility>

#include "base/base64.h"

namespace minnow::api {
namespace {

// Writing more floats than this takes long enough to leave it to another thread than the engine's
// worker.
constexpr size_t kFewFloats = 16 * 1024;

}  // namespace

std::optional<Failure> EmbedFamily::Check(EmbeddingQuery& query, const Call& call) const {
  const size_t size = call.facts().embedding_size;
  if (query.dimensions.value_or(1) > size) {
    return Failure{Fault::kInvalidField, "dimensions: " + std::to_string(*query.dimensions) +
                                             ", limit " + std::to_string(size)};
  }
  if (limit_total_tokens) query.request.max_total_tokens = call.context().options.max_openai_tokens;
  if (call.context().options.allow_foreign_token_ids) query.request.foreign_ids = true;
  return std::nullopt;
}

bool EmbedFamily::IsLong(const EmbedAnswer& answer) const {
  return answer.vectors.size() > kFewFloats;
}

void EmbedFamily::Write(const EmbeddingQuery& query, const Call& call, EmbedAnswer answer,
                        std::string& body) const {
  const size_t size = call.facts().embedding_size;
  const size_t dimensions = query.dimensions.value_or(size);
  if (dimensions < size) CutVectors(answer.vectors, size, dimensions, query.request.normalize);
  write(query, call.facts(), answer, dimensions, body);
}

void CutVectors(std::vector<float>& vectors, size_t size, size_t dimensions, bool normalize) {
  const size_t count = vectors.size() / size;
  for (size_t i = 0; i < count; ++i)
    CutVector(vectors.data() + i * size, dimensions, normalize, vectors.data() + i * dimensions);
  vectors.resize(count * dimensions);
}

void AppendBase64(std::span<const float> values, std::string& out) {
  static_assert(std::endian::native == std::endian::little);
  minnow::AppendBase64({reinterpret_cast<const char*>(values.data()), values.size_bytes()}, out);
}

}  // namespace minnow::api
