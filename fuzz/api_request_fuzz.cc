// SPDX-License-Identifier: Apache-2.0
// Any bytes as a request body: what passes the validation keeps to the limits, and a refusal names
// its reason.
//
// The first byte chooses the route, the rest is the body.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "api/errors.h"
#include "api/request_json.h"
#include "base/check.h"

namespace minnow::api {
namespace {

template <class T>
void CheckRefusal(const Result<T>& result) {
  if (result.ok()) return;
  CHECK(!result.error().message.empty());
  for (const Family family : {Family::kTei, Family::kOpenAi}) {
    const http::Response response = ErrorResponse(family, ToFailure(result.error()));
    CHECK(response.status >= 400 && response.status < 500);
    CHECK(JsonDocument::Parse(response.body, "").ok());
  }
}

void CheckEmbed(const Result<EmbeddingQuery>& query) {
  CheckRefusal(query);
  if (!query.ok()) return;
  CHECK(query->batch || query->request.inputs.size() == 1);
  CHECK(query->dimensions.value_or(1) >= 1);
  for (const EmbedInput& input : query->request.inputs) {
    // No route of embeddings takes pairs.
    CHECK(!std::holds_alternative<TextPair>(input));
    if (const auto* text = std::get_if<std::string>(&input)) CHECK(!text->empty());
    const auto* ids = std::get_if<std::vector<TokenId>>(&input);
    if (ids == nullptr) continue;
    CHECK(!ids->empty());
    for (const TokenId id : *ids) CHECK(id >= 0);
  }
}

void CheckDecode(const Result<DecodeQuery>& query) {
  CheckRefusal(query);
  if (!query.ok()) return;
  for (const auto& ids : query->ids) {
    for (const TokenId id : ids) CHECK(id >= 0);
  }
}

}  // namespace
}  // namespace minnow::api

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow;
  using namespace minnow::api;
  if (size == 0) return 0;
  const auto document =
      ParseBody(std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
  CheckRefusal(document);
  if (!document.ok()) return 0;
  switch (data[0] % 4) {
    case 0:
      CheckEmbed(ReadOpenAiEmbed(document->root()));
      break;
    case 1:
      CheckEmbed(ReadTeiEmbed(document->root()));
      break;
    case 2:
      CheckRefusal(ReadTokenize(document->root()));
      break;
    default:
      CheckDecode(ReadDecode(document->root()));
  }
  return 0;
}
