// SPDX-License-Identifier: Apache-2.0
// What embedding requests of all families share.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/inference_call.h"
#include "api/request_json.h"

namespace minnow::api {

// What differs between the families: a Route of api/inference_call.h.
struct EmbedFamily {
  using Query = EmbeddingQuery;
  using Answer = EmbedAnswer;
  static constexpr TaskKind kTask = TaskKind::kEmbed;

  Family errors;
  Result<EmbeddingQuery> (*read)(const JsonView& body);
  size_t ApiOptions::*max_inputs;
  bool limit_total_tokens = false;
  // Appends the body of the answer. `vectors` are cut to `dimensions` floats each.
  void (*write)(const EmbeddingQuery& query, const ModelFacts& facts, const EmbedAnswer& answer,
                size_t dimensions, std::string& body);

  std::optional<Failure> Check(EmbeddingQuery& query, const Call& call) const;
  bool IsLong(const EmbedAnswer& answer) const;
  void Write(const EmbeddingQuery& query, const Call& call, EmbedAnswer answer,
             std::string& body) const;
};

// Keeps the first `dimensions` floats of each of the vectors of `size` floats, and gives each the
// length 1 again where `normalize` (a vector of zeros stays so). REQUIRES: dimensions <= size.
void CutVectors(std::vector<float>& vectors, size_t size, size_t dimensions, bool normalize);

// Little-endian bytes of the floats in base64 (RFC 4648, with padding), appended.
void AppendBase64(std::span<const float> values, std::string& out);

}  // namespace minnow::api
