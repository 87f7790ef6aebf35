// SPDX-License-Identifier: Apache-2.0
// SearchIndex::Search and Similar: filter, both retrievers, fusion, the page that was asked for.
//
// One read transaction holds for the whole search; words are found as it sees them. Vectors in
// memory may be a commit ahead of it or behind: a document that is not there any more, or not yet,
// is passed over.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "index/query/fusion.h"
#include "index/query/lexical/query.h"
#include "index/query/lexical/scan.h"
#include "index/store/index_filter.h"
#include "index/store/index_state.h"
#include "index/store/search/hits.h"
#include "index/store/search_index.h"
#include "index/store/unit_vector.h"

namespace minnow {
namespace {

constexpr size_t kMaxDepth = 1'000'000;  // of pages; what lies beyond is not looked for
constexpr int kMaxRebuilds = 2;
// Of a search by meaning alone, as kFirstCandidates of others: the first page or three.
constexpr size_t kFirstNearest = 32;

// One search on its way.
struct Run {
  IndexState& state;
  const SearchRequest& request;
  ThreadPool* pool = nullptr;
  int64_t left_out = 0;  // row id of a document that is not an answer; 0: none

  Database* database = nullptr;
  std::shared_ptr<const DocumentSet> allowed = nullptr;  // null: all
  LexicalQuery query = {};
  LexicalResult lexical = {};
  std::vector<SemanticHit> semantic = {};
  double ratio = 0;  // of the retrievers that have something to look for
  size_t answer_bytes = 0;

  bool lists_all() const { return request.vector.empty() && IsBlankQuery(request.text); }
  size_t limit() const { return std::min(request.limit, kMaxDepth); }
  size_t offset() const { return std::min(request.offset, kMaxDepth); }
  bool wants_all() const { return request.min_score.has_value() || !request.group_by.empty(); }
  // Where vectors alone decide, their order is the answer's: no more of them are needed.
  bool vectors_decide() const { return ratio >= 1 && request.group_by.empty(); }
  // One more for the document that is left out.
  size_t depth() const { return CandidateDepth(first_depth(), offset(), limit() + 1); }
  size_t first_depth() const { return vectors_decide() ? kFirstNearest : kFirstCandidates; }
};

Status CheckRequest(const SearchRequest& request) {
  if (!(request.semantic_ratio >= 0 && request.semantic_ratio <= 1)) {
    return Error{Code::kInvalidArgument, "semantic_ratio: expected a number in 0..1"};
  }
  return {};
}

// Of the removals that the transaction sees, the last one's number. The log is cut from time to
// time.
Result<int64_t> LastRemoval(const Run& run) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement read, run.database->Prepare(run.state.Sql(
                          "SELECT max(removed_floor, coalesce((SELECT max(serial) FROM {removed}), "
                          "0)) FROM minnow_indexes WHERE id = ?")));
  read.Bind(1, run.state.id);
  MINNOW_ASSIGN_OR_RETURN(const bool row, read.Step());
  return row ? read.Int(0) : 0;
}

Status SearchLexically(Run& run) {
  if (run.query.terms.empty() || run.ratio >= 1) return {};
  LexicalScan scan;
  // A least score and groups are for all that was found.
  scan.limit = run.wants_all() ? SIZE_MAX : run.depth();
  scan.allowed = run.allowed.get();
  scan.want_documents = !run.request.facets.empty();
  MINNOW_ASSIGN_OR_RETURN(scan.removals, LastRemoval(run));
  const std::shared_ptr<LexicalCache> cache = run.state.live->lexical_cache();
  MINNOW_ASSIGN_OR_RETURN(
      run.lexical, ScanLexical(run.database->handle(), run.state.Sql("{lexical}"), cache.get(),
                               run.query, scan));
  return {};
}

// One search for so many documents.
Result<std::vector<VectorHit>> SearchVectorsOnce(const Run& run, const VectorQuery& query) {
  for (int attempt = 0;; ++attempt) {
    const std::shared_ptr<VectorIndex> vectors = run.state.live->vectors();
    if (vectors == nullptr) return std::vector<VectorHit>();
    if (query.vector.size() != vectors->dimensions()) {
      return Error{Code::kInvalidArgument, "vector: " + std::to_string(query.vector.size()) +
                                               " values, expected " +
                                               std::to_string(vectors->dimensions())};
    }
    auto hits = vectors->Search(query);
    // The sidecar was damaged behind our back: the store has it all.
    if (hits.ok() || hits.error().code != Code::kCorrupt || attempt == kMaxRebuilds) return hits;
    MINNOW_RETURN_IF_ERROR(run.state.live->Rebuild(run.database, vectors.get()));
  }
}

// Whether a deeper search is needed after one for `limit` that was answered in full.
bool WantsDeeper(const Run& run, size_t limit) {
  // Beside words, the nearest alone count as found by meaning: every document is more or less near.
  if (run.ratio < 1) return false;
  const bool may_score = run.request.min_score && !run.semantic.empty() && limit < kMaxDepth &&
                         run.semantic.back().cosine >= *run.request.min_score;
  return limit < run.depth() || may_score;
}

// A search for more documents may find one among the first that a search for fewer passed over:
// what the shallow one found stays in front, so that pages fit together.
Status SearchVectors(Run& run) {
  if (run.ratio <= 0) return {};
  std::vector<float> unit(run.request.vector);
  MINNOW_RETURN_IF_ERROR(ToUnitLength(unit, "vector"));
  const std::shared_ptr<const RowFilter> filter = run.state.row_filters.For(run.allowed);
  VectorQuery query;
  query.vector = unit;
  query.exact = run.request.exact;
  query.filter = filter.get();
  query.pool = run.pool;
  query.limit = run.ratio < 1 ? kFirstCandidates + (run.left_out != 0 ? 1 : 0)
                : query.exact ? run.depth()
                              : run.first_depth();
  for (;; query.limit *= kDepthStep) {
    MINNOW_ASSIGN_OR_RETURN(const std::vector<VectorHit> hits, SearchVectorsOnce(run, query));
    std::unordered_set<int64_t> known;  // by shallower searches
    for (const SemanticHit& hit : run.semantic) known.insert(hit.document);
    for (const VectorHit& hit : hits) {
      if (hit.group == run.left_out || known.contains(hit.group)) continue;
      run.semantic.push_back({hit.group, hit.key, hit.score});
    }
    if (run.ratio < 1 && run.semantic.size() > kFirstCandidates) {
      run.semantic.resize(kFirstCandidates);
    }
    if (hits.size() < query.limit || !WantsDeeper(run, query.limit)) return {};
  }
}

// Where no filter chose them, all documents are the allowed ones.
Status AllowAll(Run& run) {
  if (run.allowed != nullptr) return {};
  MINNOW_ASSIGN_OR_RETURN(run.allowed,
                          run.state.live->attributes()->Select(Filter(), "", ScanOf(run.state)));
  return {};
}

// Without anything to look for: the documents in the order in which they came.
Result<std::vector<RankedDocument>> ListAll(Run& run, SearchAnswer* answer) {
  std::vector<RankedDocument> ranking;
  if (run.allowed == nullptr && run.request.facets.empty() && run.request.group_by.empty()) {
    MINNOW_ASSIGN_OR_RETURN(answer->estimated_total, CountDocuments(run.database, run.state.id));
    MINNOW_ASSIGN_OR_RETURN(
        Statement list,
        run.database->Prepare(run.state.Sql("SELECT id FROM {documents} ORDER BY id LIMIT ?")));
    list.Bind(1, SqlCount(run.offset() + run.limit()));
    for (;;) {
      MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
      if (!row) return ranking;
      ranking.emplace_back().document = list.Int(0);
    }
  }
  MINNOW_RETURN_IF_ERROR(AllowAll(run));
  answer->estimated_total = run.allowed->count();
  // Groups need them all.
  const size_t wanted = run.request.group_by.empty() ? run.offset() + run.limit() : SIZE_MAX;
  for (const int64_t document : run.allowed->Documents()) {
    if (ranking.size() == wanted) break;
    ranking.emplace_back().document = document;
  }
  return ranking;
}

std::vector<int64_t> MatchingDocuments(const Run& run) {
  std::vector<int64_t> documents = run.lexical.documents;
  for (const SemanticHit& hit : run.semantic) documents.push_back(hit.document);
  std::sort(documents.begin(), documents.end());
  documents.erase(std::unique(documents.begin(), documents.end()), documents.end());
  std::erase(documents, run.left_out);
  return documents;
}

std::vector<int64_t> DocumentsOf(const std::vector<RankedDocument>& ranking) {
  std::vector<int64_t> documents;
  documents.reserve(ranking.size());
  for (const RankedDocument& ranked : ranking) documents.push_back(ranked.document);
  return documents;
}

// The documents that facets are counted over: those that estimated_total counts, ascending.
// `ranking`: all that was found, where that is known; null: more was.
std::vector<int64_t> CountedDocuments(const Run& run, const std::vector<RankedDocument>* ranking) {
  if (ranking == nullptr) return MatchingDocuments(run);
  std::vector<int64_t> documents = DocumentsOf(*ranking);
  std::sort(documents.begin(), documents.end());
  return documents;
}

Status CountFacets(Run& run, const std::vector<RankedDocument>* ranking, SearchAnswer* answer) {
  if (run.request.facets.empty()) return {};
  AttributeTable& attributes = *run.state.live->attributes();
  // By meaning every document is found, nearer or farther.
  const bool all = ranking == nullptr && (run.lists_all() || run.ratio >= 1);
  if (all) MINNOW_RETURN_IF_ERROR(AllowAll(run));
  // A document that is left out is counted by itself.
  const bool as_set = all && (run.left_out == 0 || !run.allowed->Contains(run.left_out));
  std::vector<int64_t> documents;
  if (!as_set) documents = all ? run.allowed->Documents() : CountedDocuments(run, ranking);
  if (all) std::erase(documents, run.left_out);
  for (const std::string& field : run.request.facets) {
    auto counts = as_set ? attributes.CountFacets(field, *run.allowed, ScanOf(run.state))
                         : attributes.CountFacets(field, documents, ScanOf(run.state));
    if (!counts.ok()) return std::move(counts).error();
    for (const auto& [value, count] : *counts) run.answer_bytes += value.size();
    MINNOW_RETURN_IF_ERROR(CheckAnswerBytes(run.answer_bytes, run.request.max_bytes));
    answer->facets[field] = std::move(*counts);
  }
  return {};
}

Status GroupRanking(const Run& run, std::vector<RankedDocument>* ranking) {
  if (run.request.group_by.empty()) return {};
  MINNOW_ASSIGN_OR_RETURN(const auto keys,
                          run.state.live->attributes()->GroupKeys(
                              run.request.group_by, DocumentsOf(*ranking), ScanOf(run.state)));
  KeepBestOfGroups(keys, *ranking);
  return {};
}

Status ReadPage(Run& run, const std::vector<RankedDocument>& ranking, SearchAnswer* answer) {
  HitContext context;
  context.database = run.database;
  context.index = run.state.id;
  context.settings = &run.state.settings;
  context.request = &run.request;
  context.query = &run.query;
  context.weights = run.lexical.weights;
  for (const RankedDocument& ranked : TakePage(ranking, run.offset(), kMaxDepth)) {
    if (answer->hits.size() == run.limit()) break;
    context.wants_passage = answer->hits.size() < run.request.passages;
    MINNOW_ASSIGN_OR_RETURN(std::optional<SearchHit> hit, ReadHit(context, ranked));
    if (!hit) continue;
    run.answer_bytes += hit->json.size() + hit->snippet.size() + hit->passage.size();
    MINNOW_RETURN_IF_ERROR(CheckAnswerBytes(run.answer_bytes, run.request.max_bytes));
    answer->hits.push_back(std::move(*hit));
  }
  return {};
}

// What pages come to in the end: where words count too, what has one of them, and the nearest of
// the rest.
Result<size_t> EstimateTotal(const Run& run) {
  if (run.ratio >= 1) {
    size_t total = 0;
    if (run.allowed != nullptr) {
      total = run.allowed->count();
    } else {
      MINNOW_ASSIGN_OR_RETURN(total, CountDocuments(run.database, run.state.id));
    }
    const bool counts_it =
        run.left_out != 0 && (run.allowed == nullptr || run.allowed->Contains(run.left_out));
    return total - (counts_it && total > 0 ? 1 : 0);
  }
  size_t total = run.lexical.matches;
  for (const SemanticHit& hit : run.semantic) {
    if (!run.lexical.found.Contains(hit.document)) ++total;
  }
  if (run.left_out != 0 && run.lexical.found.Contains(run.left_out)) --total;
  return total;
}

Result<SearchAnswer> Finish(Run& run) {
  SearchAnswer answer;
  std::vector<RankedDocument> ranking;
  if (run.lists_all()) {
    MINNOW_ASSIGN_OR_RETURN(ranking, ListAll(run, &answer));
  } else {
    ranking = FuseRankings(run.semantic, run.lexical.hits, run.ratio);
    std::erase_if(ranking,
                  [&](const RankedDocument& ranked) { return ranked.document == run.left_out; });
    MINNOW_ASSIGN_OR_RETURN(answer.estimated_total, EstimateTotal(run));
  }
  DropBelow(run.request.min_score, ranking);
  const bool is_all = run.request.min_score.has_value() && !run.lists_all();
  if (is_all) answer.estimated_total = ranking.size();
  MINNOW_RETURN_IF_ERROR(CountFacets(run, is_all ? &ranking : nullptr, &answer));
  MINNOW_RETURN_IF_ERROR(GroupRanking(run, &ranking));
  MINNOW_RETURN_IF_ERROR(ReadPage(run, ranking, &answer));
  return answer;
}

Result<SearchAnswer> SearchInTransaction(Run& run) {
  const SearchRequest& request = run.request;
  run.query = ParseLexicalQuery(request.text, request.prefix);
  run.ratio = request.semantic_ratio;
  if (request.vector.empty()) run.ratio = 0;
  if (run.query.terms.empty() && !request.vector.empty()) run.ratio = 1;
  MINNOW_RETURN_IF_ERROR(SearchLexically(run));
  MINNOW_RETURN_IF_ERROR(SearchVectors(run));
  return Finish(run);
}

// What "near" means for a document: its vector, or, until it has one, its words.
Status LookLike(Run& run, const std::string& id, SearchRequest* request) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement find,
      run.database->Prepare(run.state.Sql("SELECT id, json FROM {documents} WHERE key = ?")));
  find.Bind(1, id);
  MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
  if (!row) return Error{Code::kNotFound, "id: there is no document " + QuoteForMessage(id)};
  run.left_out = find.Int(0);
  request->vector.clear();
  request->text.clear();
  MINNOW_ASSIGN_OR_RETURN(
      Statement vectors,
      run.database->Prepare(run.state.Sql("SELECT v.vector FROM {chunks} c JOIN {vectors} v ON "
                                          "v.id = c.vector_id WHERE c.document_id = ?")));
  vectors.Bind(1, run.left_out);
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool more, vectors.Step());
    if (!more) break;
    const std::span<const std::byte> blob = vectors.Blob(0);
    std::vector<float> values(blob.size() / sizeof(float));
    std::memcpy(values.data(), blob.data(), values.size() * sizeof(float));
    request->vector.resize(values.size());
    for (size_t i = 0; i < values.size(); ++i) request->vector[i] += values[i];
  }
  if (!request->vector.empty()) {
    request->semantic_ratio = 1;
    return {};
  }
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          JsonDocument::Parse(find.Text(1), run.database->path()));
  MINNOW_ASSIGN_OR_RETURN(request->text, ExtractText(run.state.settings, document.root()));
  request->prefix = false;
  return {};
}

}  // namespace

Result<SearchAnswer> SearchIndex::Search(const SearchRequest& request, ThreadPool* pool) const {
  MINNOW_RETURN_IF_ERROR(CheckRequest(request));
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const FilteredState begun,
                          BeginFiltered(*state_, reader.get(), request.filter));
  Run run{*state_, request, pool};
  run.database = reader.get();
  run.allowed = begun.allowed;
  return SearchInTransaction(run);
}

Result<SearchAnswer> SearchIndex::Similar(const std::string& id, const SearchRequest& request,
                                          ThreadPool* pool) const {
  MINNOW_RETURN_IF_ERROR(CheckRequest(request));
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const FilteredState begun,
                          BeginFiltered(*state_, reader.get(), request.filter));
  SearchRequest similar = request;
  Run run{*state_, similar, pool};
  run.database = reader.get();
  run.allowed = begun.allowed;
  MINNOW_RETURN_IF_ERROR(LookLike(run, id, &similar));
  if (similar.vector.empty() && ParseLexicalQuery(similar.text, false).terms.empty()) {
    return SearchAnswer();  // nothing to tell what is near
  }
  return SearchInTransaction(run);
}

}  // namespace minnow
