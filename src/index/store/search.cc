// SPDX-License-Identifier: Apache-2.0
// SearchIndex::Search and Similar: both retrievers, their fusion, and the documents of the hits.
#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "index/store/index_state.h"
#include "index/store/search_index.h"

namespace minnow {
namespace {

constexpr double kFusionConstant = 60;
constexpr size_t kMaxDepth = 1'000'000;
constexpr size_t kCandidates = 100;  // of each retriever, beyond what is asked for

struct Candidate {
  int64_t document = 0;
  double order = 0;  // greater is better
  std::optional<double> semantic;
  std::optional<double> lexical;
  int64_t vector_id = 0;
};

std::string MatchExpression(std::string_view text) {
  std::string match;
  std::string word;
  const auto flush = [&] {
    if (word.empty()) return;
    match += (match.empty() ? "\"" : " OR \"") + word + "\"";
    word.clear();
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte)) {
      word.push_back(c);
    } else {
      flush();
    }
  }
  flush();
  return match;
}

Status AddLexical(Database* database, const IndexState& state, const SearchRequest& request,
                  size_t depth, std::unordered_map<int64_t, Candidate>* candidates) {
  const std::string match = MatchExpression(request.text);
  if (match.empty() || request.semantic_ratio >= 1) return {};
  MINNOW_ASSIGN_OR_RETURN(Statement find, database->Prepare(state.Sql(
                                              "SELECT rowid, rank FROM {lexical} WHERE {lexical} "
                                              "MATCH ? ORDER BY rank LIMIT ?")));
  find.Bind(1, match).Bind(2, SqlCount(depth));
  double rank = 0;
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
    if (!row) return {};
    Candidate& candidate = (*candidates)[find.Int(0)];
    candidate.document = find.Int(0);
    candidate.lexical = -find.Real(1);
    candidate.order += (1 - request.semantic_ratio) / (kFusionConstant + ++rank);
  }
}

Result<SearchHit> ReadHit(Database* database, const IndexState& state, const Candidate& candidate) {
  SearchHit hit;
  MINNOW_ASSIGN_OR_RETURN(
      Statement find,
      database->Prepare(state.Sql("SELECT key, json FROM {documents} WHERE id = ?")));
  find.Bind(1, candidate.document);
  MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
  if (!row) return hit;
  hit.id = find.Text(0);
  hit.json = find.Text(1);
  hit.semantic_score = candidate.semantic;
  hit.lexical_score = candidate.lexical;
  hit.score = candidate.semantic.value_or(
      candidate.lexical ? *candidate.lexical / (*candidate.lexical + 10) : 0);
  MINNOW_ASSIGN_OR_RETURN(
      Statement chunk,
      database->Prepare(state.Sql(R"sql(SELECT "begin", "end" FROM {chunks} WHERE document_id = ?
                                        ORDER BY vector_id = ? DESC, ordinal LIMIT 1)sql")));
  chunk.Bind(1, candidate.document).Bind(2, candidate.vector_id);
  MINNOW_ASSIGN_OR_RETURN(const bool has_chunk, chunk.Step());
  if (has_chunk) {
    hit.chunk_begin = static_cast<uint32_t>(chunk.Int(0));
    hit.chunk_end = static_cast<uint32_t>(chunk.Int(1));
  }
  return hit;
}

Result<SearchAnswer> SearchWithout(IndexState& state, const SearchRequest& request,
                                   const std::string& left_out) {
  if (!request.filter.empty()) return Error{Code::kUnsupported, "filter: is not there yet"};
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state.Read());
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction, Transaction::BeginRead(reader.get()));
  MINNOW_RETURN_IF_ERROR(state.vectors.CatchUp(reader.get(), state.id));
  const size_t depth =
      std::min(request.offset, kMaxDepth) + std::min(request.limit, kMaxDepth) + kCandidates;
  std::unordered_map<int64_t, Candidate> candidates;
  MINNOW_RETURN_IF_ERROR(AddLexical(reader.get(), state, request, depth, &candidates));
  double rank = 0;
  if (request.semantic_ratio > 0) {
    for (const LiveHit& hit : state.vectors.Search(request.vector, depth)) {
      Candidate& candidate = candidates[hit.document_id];
      candidate.document = hit.document_id;
      candidate.semantic = hit.score;
      candidate.vector_id = hit.vector_id;
      candidate.order += request.semantic_ratio / (kFusionConstant + ++rank);
    }
  }
  std::vector<Candidate> order;
  for (const auto& [document, candidate] : candidates) order.push_back(candidate);
  std::sort(order.begin(), order.end(), [](const Candidate& a, const Candidate& b) {
    return a.order != b.order ? a.order > b.order : a.document < b.document;
  });
  SearchAnswer answer;
  answer.estimated_total = order.size();
  size_t seen = 0;
  for (const Candidate& candidate : order) {
    if (answer.hits.size() == request.limit) break;
    MINNOW_ASSIGN_OR_RETURN(SearchHit hit, ReadHit(reader.get(), state, candidate));
    if (hit.id.empty() || hit.id == left_out) continue;
    if (request.min_score && hit.score < *request.min_score) continue;
    if (seen++ < request.offset) continue;
    answer.hits.push_back(std::move(hit));
  }
  return answer;
}

}  // namespace

Result<SearchAnswer> SearchIndex::Search(const SearchRequest& request) const {
  return SearchWithout(*state_, request, "");
}

Result<SearchAnswer> SearchIndex::Similar(const std::string& id,
                                          const SearchRequest& request) const {
  SearchRequest similar = request;
  similar.text.clear();
  similar.semantic_ratio = 1;
  {
    MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
    MINNOW_ASSIGN_OR_RETURN(
        Statement find,
        reader->Prepare(state_->Sql("SELECT d.id, v.vector FROM {documents} d LEFT JOIN {chunks} c "
                                    "ON c.document_id = d.id LEFT JOIN {vectors} v ON v.id = "
                                    "c.vector_id WHERE d.key = ? ORDER BY c.ordinal LIMIT 1")));
    find.Bind(1, id);
    MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
    if (!row) return Error{Code::kNotFound, "id: there is no document " + QuoteForMessage(id)};
    const std::span<const std::byte> blob = find.Blob(1);
    similar.vector.resize(blob.size() / sizeof(float));
    if (!blob.empty()) std::memcpy(similar.vector.data(), blob.data(), blob.size());
  }
  return SearchWithout(*state_, similar, id);
}

}  // namespace minnow
