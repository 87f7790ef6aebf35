// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/scan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <span>

#include "index/query/lexical/postings_reader.h"

namespace minnow {
namespace {

constexpr double kSaturation = 1.2;     // k1
constexpr double kLengthWeight = 0.75;  // b

// The rarest terms are looked up whatever they cost, some more at a higher price, the rest within
// kPostingsBudget.
constexpr size_t kAlwaysTerms = 3;
constexpr size_t kUsualTerms = 8;
constexpr size_t kUsualPostings = 400'000;
// A term in most documents says little; in a small table it costs little too.
constexpr size_t kCommonDocuments = 4'096;

// To read one new row costs about as much as so many postings of one term.
constexpr int64_t kPostingsToRow = 4;
constexpr int64_t kFirstBehindRows = 64;
constexpr int64_t kBehindStep = 8;
constexpr size_t kBehindGroups = 4;

// One span of row ids may have its scores in an array.
constexpr int64_t kMaxDenseRows = int64_t{1} << 23;

struct Term {
  const LexicalTerm* term = nullptr;
  size_t index = 0;  // in the query
  std::string key;
  std::shared_ptr<const Postings> postings;  // null: not read
  std::span<const Posting> rows;             // of those, what the transaction sees
  size_t documents = 0;
  int64_t through = 0;  // of a list that is behind: how far it reaches

  // How much it tells that a document has the term: never negative.
  double Rarity(const LexicalTotals& totals) const {
    const auto having = static_cast<double>(documents);
    const double others = std::max(static_cast<double>(totals.documents) - having, 0.0);
    return std::log(1 + (others + 0.5) / (having + 0.5));
  }
};

class TermReader {
 public:
  TermReader(sqlite3* connection, const std::string& table, LexicalCache* cache, int64_t removals)
      : reader_(connection, table, cache), cache_(*cache), removals_(removals) {}

  Result<LexicalTotals> ReadTotals() {
    MINNOW_ASSIGN_OR_RETURN(totals_, reader_.ReadTotals());
    return totals_;
  }

  // What the cache has, brought up to date; the rest from the table. Of lists that are too long to
  // be kept only the number is given, once it is known.
  Status Read(std::vector<Term>& terms) {
    std::vector<Term*> unknown;
    // By how far they are behind: each group reads the rows that its farthest needs.
    std::array<std::vector<Term*>, kBehindGroups> behind;
    for (Term& term : terms) {
      auto known = cache_.Find(term.key, removals_);
      if (!known || IsFarBehind(*known)) {
        unknown.push_back(&term);
        continue;
      }
      term.documents = known->documents;
      if (!known->postings) continue;
      Take(term, known->postings);
      if (known->through >= totals_.last_row) continue;
      term.through = known->through;
      size_t group = 0;
      int64_t rows = kFirstBehindRows;
      for (; rows < totals_.last_row - known->through && group + 1 < behind.size(); ++group) {
        rows *= kBehindStep;
      }
      behind[group].push_back(&term);
    }
    for (const std::vector<Term*>& group : behind) MINNOW_RETURN_IF_ERROR(Extend(group));
    return ReadWhole(unknown);
  }

  // From the table.
  Status ReadWhole(const std::vector<Term*>& terms) {
    if (terms.empty()) return {};
    MINNOW_ASSIGN_OR_RETURN(std::vector<Postings> read, reader_.ReadAll(Wanted(terms)));
    for (size_t i = 0; i < terms.size(); ++i) {
      read[i].shrink_to_fit();
      Keep(*terms[i], std::move(read[i]));
    }
    return {};
  }

 private:
  static std::vector<const LexicalTerm*> Wanted(const std::vector<Term*>& terms) {
    std::vector<const LexicalTerm*> wanted;
    for (const Term* term : terms) wanted.push_back(term->term);
    return wanted;
  }

  // Whether all of its postings are read sooner than the rows that it lacks.
  bool IsFarBehind(const KnownPostings& known) const {
    return totals_.last_row - known.through >
           static_cast<int64_t>(known.documents) / kPostingsToRow;
  }

  void Take(Term& term, std::shared_ptr<const Postings> postings) const {
    term.postings = std::move(postings);
    term.rows = *term.postings;
    // The cache may know rows that this transaction does not see yet.
    while (!term.rows.empty() && term.rows.back().document > totals_.last_row) {
      term.rows = term.rows.first(term.rows.size() - 1);
    }
    term.documents = term.rows.size();
  }

  void Keep(Term& term, Postings postings) {
    Take(term, std::make_shared<const Postings>(std::move(postings)));
    cache_.Put(term.key, {term.postings, term.documents, totals_.last_row}, removals_);
  }

  Status Extend(const std::vector<Term*>& terms) {
    if (terms.empty()) return {};
    int64_t after = totals_.last_row;
    for (const Term* term : terms) after = std::min(after, term->through);
    MINNOW_ASSIGN_OR_RETURN(const std::vector<Postings> read,
                            reader_.ReadAfter(Wanted(terms), after));
    for (size_t i = 0; i < terms.size(); ++i) {
      Postings extended(terms[i]->rows.begin(), terms[i]->rows.end());
      for (const Posting& posting : read[i]) {
        if (posting.document > terms[i]->through) extended.push_back(posting);
      }
      Keep(*terms[i], std::move(extended));
    }
    return {};
  }

  PostingsReader reader_;
  LexicalCache& cache_;
  const int64_t removals_;
  LexicalTotals totals_;
};

// Sorts the terms, rarest first, and drops those that are not worth their price.
void ChooseTerms(const LexicalTotals& totals, std::vector<Term>& terms) {
  std::sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) {
    return a.documents != b.documents ? a.documents < b.documents : a.key < b.key;
  });
  const size_t common = std::max(static_cast<size_t>(totals.documents) / 2, kCommonDocuments);
  size_t kept = 0;
  size_t postings = 0;
  std::erase_if(terms, [&](const Term& term) {
    if (term.term->required) return false;
    if (term.documents == 0) return true;
    const size_t with_this = postings + term.documents;
    const bool keep =
        kept == 0 || (term.documents <= common &&
                      (kept < kAlwaysTerms || (kept < kUsualTerms && with_this <= kUsualPostings) ||
                       with_this <= kPostingsBudget));
    if (keep) ++kept, postings = with_this;
    return !keep;
  });
}

// Sums of scores by document.
class Scores {
 public:
  Scores() = default;
  // Of documents from `first` to `last`; so many additions are to come.
  Scores(int64_t first, int64_t last, size_t additions)
      : first_(first), dense_(last - first < kMaxDenseRows) {
    const auto rows = static_cast<size_t>(last - first + 1);
    if (dense_) sums_.resize(rows);
    hits_.reserve(dense_ ? std::min(additions, rows) : additions);
  }

  void Add(int64_t document, float score) {
    if (!dense_) {
      hits_.push_back({document, score});
      return;
    }
    float& sum = SumOf(document);
    if (sum == 0) hits_.push_back({document, 0});
    sum += score;
  }

  // Nothing more is added; each document stands once among the hits from now on.
  void Close() {
    if (dense_) return;
    std::stable_sort(hits_.begin(), hits_.end(), [](const LexicalHit& a, const LexicalHit& b) {
      return a.document < b.document;
    });
    size_t kept = 0;
    for (const LexicalHit& hit : hits_) {
      if (kept > 0 && hits_[kept - 1].document == hit.document) {
        hits_[kept - 1].score += hit.score;
      } else {
        hits_[kept++] = hit;
      }
    }
    hits_.resize(kept);
  }

  // After Close: leaves those documents alone.
  template <class Stays>
  void KeepIf(const Stays& stays) {
    std::erase_if(hits_, [&](const LexicalHit& hit) {
      if (stays(hit.document)) return false;
      if (dense_) SumOf(hit.document) = 0;
      return true;
    });
  }

  // Each document once, in no order, and which they are.
  void Take(LexicalResult* result) {
    if (dense_) {
      for (LexicalHit& hit : hits_) hit.score = SumOf(hit.document);
      result->found = LexicalMatches(first_, std::move(sums_));
    } else {
      std::vector<int64_t> documents;
      for (const LexicalHit& hit : hits_) documents.push_back(hit.document);
      result->found = LexicalMatches(std::move(documents));
    }
    result->hits = std::move(hits_);
  }

 private:
  float& SumOf(int64_t document) { return sums_[static_cast<size_t>(document - first_)]; }

  int64_t first_ = 0;
  bool dense_ = false;
  std::vector<float> sums_;
  std::vector<LexicalHit> hits_;
};

Scores Score(const std::vector<Term>& terms, const LexicalTotals& totals) {
  int64_t first = INT64_MAX;
  int64_t last = 0;
  size_t postings = 0;
  for (const Term& term : terms) {
    if (term.rows.empty()) continue;
    postings += term.rows.size();
    first = std::min(first, term.rows.front().document);
    last = std::max(last, term.rows.back().document);
  }
  if (first > last) return {};
  const double mean =
      std::max(static_cast<double>(totals.words) / static_cast<double>(totals.documents), 1.0);
  Scores scores(first, last, postings);
  for (const Term& term : terms) {
    const double weight = term.term->weight * (kSaturation + 1) * term.Rarity(totals);
    for (const Posting& posting : term.rows) {
      const double count = posting.count;
      const double norm = kSaturation * (1 - kLengthWeight + kLengthWeight * posting.length / mean);
      // A score of 0 would be no match.
      scores.Add(posting.document,
                 static_cast<float>(std::max(weight * count / (count + norm), 1e-9)));
    }
  }
  scores.Close();
  return scores;
}

// The documents that every required term has, ascending; nullopt where none is required.
std::optional<std::vector<int64_t>> Required(const std::vector<Term>& terms) {
  std::optional<std::vector<int64_t>> documents;
  for (const Term& term : terms) {
    if (!term.term->required) continue;
    std::vector<int64_t> having;
    for (const Posting& posting : term.rows) {
      if (!documents ||
          std::binary_search(documents->begin(), documents->end(), posting.document)) {
        having.push_back(posting.document);
      }
    }
    documents = std::move(having);
  }
  return documents;
}

// Leaves the best hits, and counts all.
void TakeBest(const LexicalScan& scan, LexicalResult& result) {
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
}

}  // namespace

Result<LexicalResult> ScanLexical(sqlite3* connection, const std::string& table,
                                  LexicalCache* cache, const LexicalQuery& query,
                                  const LexicalScan& scan) {
  LexicalResult result;
  result.weights.resize(query.terms.size());
  if (query.terms.empty()) return result;
  TermReader reader(connection, table, cache, scan.removals);
  MINNOW_ASSIGN_OR_RETURN(const LexicalTotals totals, reader.ReadTotals());
  if (totals.documents <= 0) return result;
  std::vector<Term> terms;
  for (const LexicalTerm& term : query.terms) {
    terms.push_back({&term, terms.size(), term.Key(), nullptr, {}, 0, 0});
  }
  MINNOW_RETURN_IF_ERROR(reader.Read(terms));
  ChooseTerms(totals, terms);
  std::vector<Term*> too_long;
  for (Term& term : terms) {
    if (!term.postings) too_long.push_back(&term);
  }
  MINNOW_RETURN_IF_ERROR(reader.ReadWhole(too_long));

  for (const Term& term : terms) result.weights[term.index] = term.Rarity(totals);
  Scores scores = Score(terms, totals);
  const auto required = Required(terms);
  if (scan.allowed != nullptr || required) {
    scores.KeepIf([&](int64_t document) {
      return (scan.allowed == nullptr || scan.allowed->Contains(document)) &&
             (!required || std::binary_search(required->begin(), required->end(), document));
    });
  }
  scores.Take(&result);
  TakeBest(scan, result);
  return result;
}

}  // namespace minnow
