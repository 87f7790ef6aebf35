// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/scan.h"

#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <optional>

#include "index/query/lexical/fts5.h"

namespace minnow {
namespace {

constexpr char kFunction[] = "minnow_read_postings";
constexpr double kSaturation = 1.2;     // k1
constexpr double kLengthWeight = 0.75;  // b

// The rarest terms are looked up whatever they cost, some more at a higher price, the rest within
// kPostingsBudget.
constexpr size_t kAlwaysTerms = 3;
constexpr size_t kUsualTerms = 8;
constexpr size_t kUsualPostings = 400'000;
// A term in most documents says little; in a small table it costs little too.
constexpr size_t kCommonDocuments = 4'096;

// One span of row ids may have its scores in an array.
constexpr int64_t kMaxDenseRows = int64_t{1} << 23;

// What one call of the SQL function reads.
struct Reading {
  LexicalCache* cache = nullptr;
  std::vector<std::shared_ptr<Postings>> postings;  // by phrase of the expression
  LexicalTotals totals;

  // of the phrase being read
  Postings* current = nullptr;
  int64_t page_number = -1;
  LexicalCache::LengthPage* page = nullptr;
};

int ReadLength(Reading* reading, const Fts5ExtensionApi* api, Fts5Context* row, Posting* posting) {
  const auto rows = static_cast<int64_t>(LexicalCache::kPageRows);
  const int64_t number = posting->document / rows;
  if (number != reading->page_number || reading->page == nullptr) {
    reading->page = &reading->cache->Page(posting->document);
    reading->page_number = number;
  }
  std::atomic<uint32_t>& known = (*reading->page)[static_cast<size_t>(posting->document % rows)];
  // Kept with one added: 0 is not known.
  const uint32_t kept = known.load(std::memory_order_relaxed);
  if (kept != 0) {
    posting->length = kept - 1;
    return SQLITE_OK;
  }
  int length = 0;
  const int result = api->xColumnSize(row, -1, &length);
  if (result != SQLITE_OK) return result;
  posting->length = static_cast<uint32_t>(std::max(length, 0));
  known.store(posting->length + 1, std::memory_order_relaxed);
  return SQLITE_OK;
}

int ReadPosting(const Fts5ExtensionApi* api, Fts5Context* row, Reading* reading) {
  Posting posting;
  posting.document = api->xRowid(row);
  Fts5PhraseIter places;
  int column = 0;
  int offset = 0;
  int result = api->xPhraseFirst(row, 0, &places, &column, &offset);
  if (result != SQLITE_OK) return result;
  for (; column >= 0; api->xPhraseNext(row, &places, &column, &offset)) ++posting.count;
  if (posting.document < 0) return SQLITE_OK;  // no row of ours
  result = ReadLength(reading, api, row, &posting);
  if (result == SQLITE_OK) reading->current->push_back(posting);
  return result;
}

int ReadPostingForC(const Fts5ExtensionApi* api, Fts5Context* row, void* data) {
  try {
    return ReadPosting(api, row, static_cast<Reading*>(data));
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
}

// Called for the first row that matches any phrase: reads all rows of each phrase.
void ReadPhrases(const Fts5ExtensionApi* api, Fts5Context* row, sqlite3_context* context, int count,
                 sqlite3_value** values) {
  auto* const reading =
      count == 1 ? static_cast<Reading*>(sqlite3_value_pointer(values[0], kFunction)) : nullptr;
  if (reading == nullptr) return sqlite3_result_error(context, "wrong arguments", -1);
  sqlite3_int64 documents = 0;
  sqlite3_int64 words = 0;
  int result = api->xRowCount(row, &documents);
  if (result == SQLITE_OK) result = api->xColumnTotalSize(row, -1, &words);
  reading->totals = {documents, words};
  const auto phrases = static_cast<size_t>(api->xPhraseCount(row));
  for (size_t i = 0; i < phrases && i < reading->postings.size() && result == SQLITE_OK; ++i) {
    reading->current = reading->postings[i].get();
    result = api->xQueryPhrase(row, static_cast<int>(i), reading, &ReadPostingForC);
  }
  if (result != SQLITE_OK) sqlite3_result_error_code(context, result);
}

struct Term {
  const LexicalTerm* term = nullptr;
  size_t index = 0;  // in the query
  std::string key;
  std::shared_ptr<const Postings> postings;
  size_t documents() const { return postings->size(); }
  // How much it tells that a document has the term: never negative.
  double Rarity(const LexicalTotals& totals) const {
    const auto having = static_cast<double>(documents());
    const double others = std::max(static_cast<double>(totals.documents) - having, 0.0);
    return std::log(1 + (others + 0.5) / (having + 0.5));
  }
};

Status ReadMissing(sqlite3* connection, const std::string& table, const std::string& expression,
                   Reading* reading) {
  const std::string sql = "SELECT " + std::string(kFunction) + "(" + table + ", ?2) FROM " + table +
                          " WHERE " + table + " MATCH ?1 LIMIT 1";
  sqlite3_stmt* statement = nullptr;
  int result = sqlite3_prepare_v2(connection, sql.c_str(), static_cast<int>(sql.size()), &statement,
                                  nullptr);
  if (result == SQLITE_OK) {
    sqlite3_bind_text(statement, 1, expression.data(), static_cast<int>(expression.size()),
                      SQLITE_STATIC);
    sqlite3_bind_pointer(statement, 2, reading, kFunction, nullptr);
    do {
      result = sqlite3_step(statement);
    } while (result == SQLITE_ROW);
  }
  Status status;
  if (result != SQLITE_DONE) {
    const Code code = result == SQLITE_CORRUPT ? Code::kCorrupt : Code::kInternal;
    status = Error{code, table + ": " + sqlite3_errmsg(connection)};
  }
  sqlite3_finalize(statement);
  return status;
}

// The postings of all terms, from the cache or from the table.
Result<std::vector<Term>> ReadTerms(sqlite3* connection, const std::string& table,
                                    LexicalCache* cache, const LexicalQuery& query,
                                    uint64_t generation, LexicalTotals* totals) {
  std::vector<Term> terms;
  std::string expression;
  std::vector<size_t> missing;
  const auto known_totals = cache->Totals(generation);
  for (const LexicalTerm& term : query.terms) {
    terms.push_back({&term, terms.size(), term.Key(), nullptr});
    if (known_totals) terms.back().postings = cache->Find(terms.back().key, generation);
    if (terms.back().postings) continue;
    missing.push_back(terms.size() - 1);
    if (!expression.empty()) expression += " OR ";
    expression += term.MatchExpression();
  }
  if (known_totals) *totals = *known_totals;
  if (missing.empty()) return terms;

  Reading reading;
  reading.cache = cache;
  for (size_t i = 0; i < missing.size(); ++i) {
    reading.postings.push_back(std::make_shared<Postings>());
  }
  MINNOW_RETURN_IF_ERROR(ReadMissing(connection, table, expression, &reading));
  for (size_t i = 0; i < missing.size(); ++i) {
    Term& term = terms[missing[i]];
    reading.postings[i]->shrink_to_fit();
    term.postings = reading.postings[i];
    cache->Put(term.key, generation, term.postings);
  }
  // Where no row matched, nothing was read, and nothing depends on the totals.
  if (reading.totals.documents > 0) {
    *totals = reading.totals;
    cache->PutTotals(generation, *totals);
  }
  return terms;
}

// Sorts the terms, rarest first, and drops those that are not worth their price.
void ChooseTerms(const LexicalTotals& totals, std::vector<Term>& terms) {
  std::sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) {
    return a.documents() != b.documents() ? a.documents() < b.documents() : a.key < b.key;
  });
  const size_t common =
      std::max(static_cast<size_t>(std::max<int64_t>(totals.documents, 0)) / 2, kCommonDocuments);
  size_t kept = 0;
  size_t postings = 0;
  std::erase_if(terms, [&](const Term& term) {
    if (term.term->required) return false;
    if (term.documents() == 0) return true;
    const size_t with_this = postings + term.documents();
    const bool keep =
        kept == 0 || (term.documents() <= common &&
                      (kept < kAlwaysTerms || (kept < kUsualTerms && with_this <= kUsualPostings) ||
                       with_this <= kPostingsBudget));
    if (keep) ++kept, postings = with_this;
    return !keep;
  });
}

// Sums of scores by document.
class Scores {
 public:
  Scores(int64_t first, int64_t last) : first_(first), dense_(last - first < kMaxDenseRows) {
    if (dense_) sums_.resize(static_cast<size_t>(last - first + 1));
  }

  void Add(int64_t document, float score) {
    if (!dense_) {
      pairs_.push_back({document, score});
      return;
    }
    float& sum = sums_[static_cast<size_t>(document - first_)];
    if (sum == 0) pairs_.push_back({document, 0});
    sum += score;
  }

  // Each document once, in no order.
  std::vector<LexicalHit> Take() {
    if (dense_) {
      for (LexicalHit& hit : pairs_) hit.score = sums_[static_cast<size_t>(hit.document - first_)];
      return std::move(pairs_);
    }
    std::stable_sort(pairs_.begin(), pairs_.end(), [](const LexicalHit& a, const LexicalHit& b) {
      return a.document < b.document;
    });
    size_t kept = 0;
    for (const LexicalHit& pair : pairs_) {
      if (kept > 0 && pairs_[kept - 1].document == pair.document) {
        pairs_[kept - 1].score += pair.score;
      } else {
        pairs_[kept++] = pair;
      }
    }
    pairs_.resize(kept);
    return std::move(pairs_);
  }

 private:
  const int64_t first_;
  const bool dense_;
  std::vector<float> sums_;
  std::vector<LexicalHit> pairs_;
};

std::vector<LexicalHit> Score(const std::vector<Term>& terms, const LexicalTotals& totals) {
  int64_t first = INT64_MAX;
  int64_t last = 0;
  for (const Term& term : terms) {
    if (term.documents() == 0) continue;
    first = std::min(first, term.postings->front().document);
    last = std::max(last, term.postings->back().document);
  }
  if (first > last) return {};
  const auto documents = static_cast<double>(totals.documents);
  const double mean = std::max(static_cast<double>(totals.words) / std::max(documents, 1.0), 1.0);
  Scores scores(first, last);
  for (const Term& term : terms) {
    const double weight = term.term->weight * (kSaturation + 1) * term.Rarity(totals);
    for (const Posting& posting : *term.postings) {
      const double count = posting.count;
      const double norm = kSaturation * (1 - kLengthWeight + kLengthWeight * posting.length / mean);
      // A score of 0 would be no match.
      scores.Add(posting.document,
                 static_cast<float>(std::max(weight * count / (count + norm), 1e-9)));
    }
  }
  return scores.Take();
}

// The documents that every required term has, ascending; nullopt where none is required.
std::optional<std::vector<int64_t>> Required(const std::vector<Term>& terms) {
  std::optional<std::vector<int64_t>> documents;
  for (const Term& term : terms) {
    if (!term.term->required) continue;
    std::vector<int64_t> having;
    for (const Posting& posting : *term.postings) {
      if (!documents ||
          std::binary_search(documents->begin(), documents->end(), posting.document)) {
        having.push_back(posting.document);
      }
    }
    documents = std::move(having);
  }
  return documents;
}

}  // namespace

Status RegisterLexicalScan(sqlite3* connection) {
  fts5_api* const api = FindFts5(connection);
  if (api == nullptr) return Error{Code::kInternal, "SQLite has no FTS5"};
  if (api->xCreateFunction(api, kFunction, nullptr, &ReadPhrases, nullptr) != SQLITE_OK) {
    return Error{Code::kInternal, "out of memory"};
  }
  return {};
}

Result<LexicalResult> ScanLexical(sqlite3* connection, const std::string& table,
                                  LexicalCache* cache, const LexicalQuery& query,
                                  const LexicalScan& scan) {
  LexicalResult result;
  if (query.terms.empty()) return result;
  LexicalTotals totals;
  MINNOW_ASSIGN_OR_RETURN(std::vector<Term> terms,
                          ReadTerms(connection, table, cache, query, scan.generation, &totals));
  ChooseTerms(totals, terms);
  result.weights.resize(query.terms.size());
  for (const Term& term : terms) result.weights[term.index] = term.Rarity(totals);
  result.hits = Score(terms, totals);
  const auto required = Required(terms);
  std::erase_if(result.hits, [&](const LexicalHit& hit) {
    return (scan.allowed != nullptr && !scan.allowed->Contains(hit.document)) ||
           (required && !std::binary_search(required->begin(), required->end(), hit.document));
  });
  result.matches = result.hits.size();
  if (scan.want_documents) {
    for (const LexicalHit& hit : result.hits) result.documents.push_back(hit.document);
    std::sort(result.documents.begin(), result.documents.end());
  }
  const size_t kept = std::min(scan.limit, result.hits.size());
  std::partial_sort(result.hits.begin(), result.hits.begin() + static_cast<ptrdiff_t>(kept),
                    result.hits.end(), [](const LexicalHit& a, const LexicalHit& b) {
                      return a.score != b.score ? a.score > b.score : a.document < b.document;
                    });
  result.hits.resize(kept);
  return result;
}

}  // namespace minnow
