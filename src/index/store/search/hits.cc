// SPDX-License-Identifier: Apache-2.0
#include "index/store/search/hits.h"

#include <string>
#include <string_view>

#include "formats/json.h"
#include "index/query/snippet.h"
#include "index/store/schema.h"
#include "index/store/search/json_cut.h"

namespace minnow {
namespace {

// The chunk that a vector belongs to, or, without one, the document's first.
Result<std::optional<ChunkRange>> ReadPassage(const HitContext& context,
                                              const RankedDocument& ranked) {
  const char* sql = ranked.chunk ? R"sql(SELECT c."begin", c."end" FROM {vectors} v
                                         JOIN {chunks} c ON c.id = v.chunk_id WHERE v.id = ?)sql"
                                 : R"sql(SELECT "begin", "end" FROM {chunks}
                                         WHERE document_id = ? ORDER BY id LIMIT 1)sql";
  MINNOW_ASSIGN_OR_RETURN(Statement find, context.database->Prepare(IndexSql(context.index, sql)));
  find.Bind(1, ranked.chunk.value_or(ranked.document));
  MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
  if (!row) return std::optional<ChunkRange>();
  return std::optional<ChunkRange>(
      {static_cast<uint32_t>(find.Int(0)), static_cast<uint32_t>(find.Int(1))});
}

Status AddSnippet(const HitContext& context, std::string_view json,
                  std::optional<ChunkRange> passage, SearchHit* hit) {
  const SearchRequest& request = *context.request;
  if (request.snippet_bytes == 0) return {};
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          JsonDocument::Parse(json, context.database->path()));
  MINNOW_ASSIGN_OR_RETURN(const std::string text, ExtractText(*context.settings, document.root()));
  if (passage && (passage->begin >= passage->end || passage->end > text.size())) {
    return Error{Code::kCorrupt, context.database->path() + ": a chunk lies outside of its text"};
  }
  SnippetOptions options;
  options.max_bytes = request.snippet_bytes;
  options.highlight = request.highlight;
  options.pre = request.highlight_pre;
  options.post = request.highlight_post;
  hit->snippet = MakeSnippet(text, passage, *context.query, context.weights, options);
  return {};
}

}  // namespace

Status CheckAnswerBytes(size_t bytes, size_t limit) {
  if (bytes <= limit) return {};
  return Error{Code::kInvalidArgument,
               "limit: the answer would hold more than " + std::to_string(limit) +
                   " bytes; ask for fewer documents at once, or in a search for less of each "
                   "(attributes, facets)"};
}

Result<std::optional<SearchHit>> ReadHit(const HitContext& context, const RankedDocument& ranked) {
  MINNOW_ASSIGN_OR_RETURN(Statement find,
                          context.database->Prepare(IndexSql(
                              context.index, "SELECT key, json FROM {documents} WHERE id = ?")));
  find.Bind(1, ranked.document);
  MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
  if (!row) return std::optional<SearchHit>();
  SearchHit hit;
  hit.id = find.Text(0);
  hit.score = ranked.score;
  hit.semantic_score = ranked.semantic;
  hit.lexical_score = ranked.lexical;
  const std::string_view json = find.Text(1);
  MINNOW_ASSIGN_OR_RETURN(std::optional<ChunkRange> passage, ReadPassage(context, ranked));
  if (passage) {
    hit.chunk_begin = passage->begin;
    hit.chunk_end = passage->end;
  }
  // Where no vector chose the passage, the words choose.
  if (!ranked.chunk) passage.reset();
  MINNOW_RETURN_IF_ERROR(AddSnippet(context, json, passage, &hit));
  const SearchRequest& request = *context.request;
  hit.json = request.attributes_given ? CutJson(json, request.attributes) : std::string(json);
  return std::optional<SearchHit>(std::move(hit));
}

}  // namespace minnow
