// SPDX-License-Identifier: Apache-2.0
// The fields of a search, from JSON to the index's request: types, ranges and sizes.
//
// Pure functions, callable from any thread.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "formats/json.h"
#include "index/query/search_request.h"

namespace minnow::api {

inline constexpr size_t kMaxQueryBytes = 10'000;
inline constexpr size_t kMaxFilterBytes = 32'768;
inline constexpr size_t kMaxWindow = 10'000;  // offset and limit together
inline constexpr size_t kMaxAttributes = 256;
inline constexpr size_t kMaxFacets = 32;

// kInvalidArgument names the field and the limit. Fields that are not known are ignored.
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

// offset, limit and filter of a listing. `most`: the highest limit.
struct Page {
  size_t offset = 0;
  size_t limit = 20;
  std::string filter;
};
Result<Page> ReadPage(const JsonView& body, size_t most);

}  // namespace minnow::api
