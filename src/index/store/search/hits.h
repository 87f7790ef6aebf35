// SPDX-License-Identifier: Apache-2.0
// From ranked row ids to what a caller sees: documents, cut and with snippets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "index/query/fusion.h"
#include "index/query/lexical/query.h"
#include "index/query/search_request.h"
#include "index/sqlite/sqlite.h"
#include "index/store/document.h"

namespace minnow {

// What the hits of one search share; all of it outlives the reader.
struct HitContext {
  Database* database = nullptr;  // in the search's transaction
  int64_t index = 0;
  const IndexSettings* settings = nullptr;
  const SearchRequest* request = nullptr;
  const LexicalQuery* query = nullptr;
  std::span<const double> weights;  // of the query's terms; may be empty
  bool wants_passage = false;       // the text of the next hit's passage
};

// kInvalidArgument where an answer's `bytes` are more than `limit`.
Status CheckAnswerBytes(size_t bytes, size_t limit);

// nullopt where the document is gone: deleted since it was ranked.
Result<std::optional<SearchHit>> ReadHit(const HitContext& context, const RankedDocument& ranked);

}  // namespace minnow
