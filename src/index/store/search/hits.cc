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

// About a chunk's size.
constexpr size_t kPassageWords = 480;

// The chunk that a vector belongs to; without one, the document's first, or, where a passage's text
// is asked for, the one that has most of the stretch of `text` where the words stand.
Result<std::optional<ChunkRange>> ReadPassage(const HitContext& context,
                                              const RankedDocument& ranked, std::string_view text) {
  const bool by_words = !ranked.chunk && context.wants_passage;
  const char* sql = ranked.chunk ? R"sql(SELECT c."begin", c."end" FROM {vectors} v
                                         JOIN {chunks} c ON c.id = v.chunk_id WHERE v.id = ?)sql"
                    : by_words   ? R"sql(SELECT "begin", "end" FROM {chunks} WHERE document_id = ?1
                                       ORDER BY min("end", ?3) - max("begin", ?2) DESC, id
                                       LIMIT 1)sql"
                                 : R"sql(SELECT "begin", "end" FROM {chunks}
                                         WHERE document_id = ? ORDER BY id LIMIT 1)sql";
  MINNOW_ASSIGN_OR_RETURN(Statement find, context.database->Prepare(IndexSql(context.index, sql)));
  find.Bind(1, ranked.chunk.value_or(ranked.document));
  if (by_words) {
    const ChunkRange words = FindWords(text, *context.query, context.weights, kPassageWords);
    find.Bind(2, int64_t{words.begin});
    find.Bind(3, int64_t{words.end});
  }
  MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
  if (!row) return std::optional<ChunkRange>();
  return std::optional<ChunkRange>(
      {static_cast<uint32_t>(find.Int(0)), static_cast<uint32_t>(find.Int(1))});
}

Result<std::string> ReadText(const HitContext& context, std::string_view json) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          JsonDocument::Parse(json, context.database->path()));
  return ExtractText(*context.settings, document.root());
}

// Passage and snippet, of the document's text.
Status AddTexts(const HitContext& context, const RankedDocument& ranked, std::string_view text,
                std::optional<ChunkRange> passage, SearchHit* hit) {
  const SearchRequest& request = *context.request;
  if (!context.wants_passage && request.snippet_bytes == 0) return {};
  // Where no vector chose the passage, the words choose.
  const bool matters = ranked.chunk || context.wants_passage;
  if (passage && matters && (passage->begin >= passage->end || passage->end > text.size())) {
    return Error{Code::kCorrupt, context.database->path() + ": a chunk lies outside of its text"};
  }
  if (passage && context.wants_passage) {
    hit->passage = text.substr(passage->begin, passage->end - passage->begin);
  }
  if (request.snippet_bytes == 0) return {};
  SnippetOptions options;
  options.max_bytes = request.snippet_bytes;
  options.highlight = request.highlight;
  options.pre = request.highlight_pre;
  options.post = request.highlight_post;
  if (!ranked.chunk) passage.reset();
  hit->snippet = MakeSnippet(text, passage, *context.query, context.weights, options);
  return {};
}

}  // namespace

Status CheckAnswerBytes(size_t bytes, size_t limit) {
  if (bytes <= limit) return {};
  return Error{Code::kInvalidArgument,
               "limit: the answer would hold more than " + std::to_string(limit) +
                   " bytes; ask for fewer documents at once, or in a search for less of each "
                   "(attributes, facets), or fewer to rerank (top_n)"};
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
  const SearchRequest& request = *context.request;
  std::string text;
  if (request.snippet_bytes > 0 || context.wants_passage) {
    MINNOW_ASSIGN_OR_RETURN(text, ReadText(context, json));
  }
  MINNOW_ASSIGN_OR_RETURN(const std::optional<ChunkRange> passage,
                          ReadPassage(context, ranked, text));
  if (passage) {
    hit.chunk_begin = passage->begin;
    hit.chunk_end = passage->end;
  }
  MINNOW_RETURN_IF_ERROR(AddTexts(context, ranked, text, passage, &hit));
  hit.json = request.attributes_given ? CutJson(json, request.attributes) : std::string(json);
  return std::optional<SearchHit>(std::move(hit));
}

}  // namespace minnow
