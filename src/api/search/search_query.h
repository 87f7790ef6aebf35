// SPDX-License-Identifier: Apache-2.0
// The fields of a search, from JSON to the index's request: types, ranges and sizes.
//
// Pure functions, callable from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/json.h"
#include "index/query/search_request.h"
#include "serving/rerank_stage.h"

namespace minnow::api {

inline constexpr size_t kMaxQueryBytes = 10'000;
inline constexpr size_t kMaxFilterBytes = 32'768;
inline constexpr size_t kMaxWindow = 10'000;  // offset and limit together
inline constexpr size_t kMaxAttributes = 256;
inline constexpr size_t kMaxFacets = 32;

// kInvalidArgument unless `body` is an object whose fields are all among `known`: names the first
// that is not, and those that are. A filter with a slip in its name would else be no filter.
Status CheckFields(const JsonView& body, std::span<const std::string_view> known);

// A search's "rerank".
struct RerankChoice {
  std::string model;  // empty: the first that reranks
  size_t top_n = kDefaultReranked;
};
// {"model", "top_n"}, or true: as it comes; nullopt: none is asked for.
Result<std::optional<RerankChoice>> ReadRerank(const JsonView& body);

// kInvalidArgument names the field and the limit.
Result<SearchRequest> ReadSearchRequest(const JsonView& body);

// A document's id as requests name it: ids that are numbers in documents are written out in the
// store.
Result<std::string> ReadId(const JsonView& value);

struct SimilarQuery {
  std::string id;
  SearchRequest request;
};
// A search that has "id" in place of "q".
Result<SimilarQuery> ReadSimilarQuery(const JsonView& body);

// offset and limit of a listing, and where it `filters`, its filter. `most`: the highest limit.
struct Page {
  size_t offset = 0;
  size_t limit = 20;
  std::string filter;
};
Result<Page> ReadPage(const JsonView& body, size_t most, bool filters);

}  // namespace minnow::api
