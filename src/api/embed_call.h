// SPDX-License-Identifier: Apache-2.0
// An embedding request of any family: the checks, the timing headers and the metrics that all
// share.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "api/call.h"
#include "api/request_json.h"

namespace minnow::api {

// What differs between the families. Functions are called on any thread.
struct EmbedFamily {
  Family errors;
  Result<EmbeddingQuery> (*read)(const JsonView& body);
  size_t ApiOptions::*max_inputs;
  bool limit_total_tokens = false;
  // Appends the body of the answer. `vectors` are cut to `dimensions` floats each.
  void (*write)(const EmbeddingQuery& query, const EmbeddingFacts& facts, const EmbedAnswer& answer,
                size_t dimensions, std::string& body);
};

// Answers one request. `family` lives as long as the program.
void HandleEmbed(const ApiContext* context, const EmbedFamily& family, http::Request request,
                 http::Responder responder);

// The failure of a request for a model that is not served; nullopt: it is.
std::optional<Failure> UnknownModel(const std::string& name, const EmbeddingFacts& facts);

// Keeps the first `dimensions` floats of each of the vectors of `size` floats, and gives each the
// length 1 again where `normalize` (a vector of zeros stays so). REQUIRES: dimensions <= size.
void CutVectors(std::vector<float>& vectors, size_t size, size_t dimensions, bool normalize);

// Little-endian bytes of the floats in base64 (RFC 4648, with padding), appended.
void AppendBase64(std::span<const float> values, std::string& out);

}  // namespace minnow::api
