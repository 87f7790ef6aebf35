// SPDX-License-Identifier: Apache-2.0
// ScanLexical: BM25 over an FTS5 table, term by term.
//
// FTS5's own bm25() reads each matching row's length by a query of its own, and each posting twice:
// some microseconds a row. Here the postings of a term are read once, by one call, and kept
// (cache.h).
//   score = sum over terms: w * ln(1 + (N - n + 0.5) / (n + 0.5)) * f * (k1 + 1) / (f + K)
//   K = k1 * (1 - b + b * length / mean length), k1 = 1.2, b = 0.75
// w: how often the term stands in the query; f: in the document; n of N documents have it.
// Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; the
// logarithm as Lucene has it, never negative.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "index/query/document_set.h"
#include "index/query/lexical/cache.h"
#include "index/query/lexical/query.h"

struct sqlite3;

namespace minnow {

struct LexicalScan {
  size_t limit = 100;
  const DocumentSet* allowed = nullptr;  // null: every document
  bool want_documents = false;
  int64_t removals = 0;  // the greatest number of a removal that the transaction sees (cache.h)
};

struct LexicalHit {
  int64_t document = 0;  // row id
  double score = 0;      // above 0; higher is better
};

// Which documents were found, asked one by one.
class LexicalMatches {
 public:
  LexicalMatches() = default;
  // A score for each row id from `first` on; 0: not found.
  LexicalMatches(int64_t first, std::vector<float> scores)
      : first_(first), scores_(std::move(scores)) {}
  // Row ids, ascending.
  explicit LexicalMatches(std::vector<int64_t> documents) : documents_(std::move(documents)) {}

  bool Contains(int64_t document) const {
    if (scores_.empty()) return std::binary_search(documents_.begin(), documents_.end(), document);
    const uint64_t at = static_cast<uint64_t>(document) - static_cast<uint64_t>(first_);
    return at < scores_.size() && scores_[at] > 0;
  }

 private:
  int64_t first_ = 0;
  std::vector<float> scores_;
  std::vector<int64_t> documents_;
};

// A document is found where it has any of the terms looked up and is allowed.
struct LexicalResult {
  std::vector<LexicalHit> hits;  // best first, at most limit; ties by row id
  size_t matches = 0;            // documents that were found
  LexicalMatches found;
  std::vector<int64_t> documents;  // all of those, ascending, where wanted
  // For each term of the query, how much one occurrence tells; 0: it was not looked up.
  std::vector<double> weights;
};

// Of a long query the most frequent terms are not looked up: as many of the rarest are as have this
// many postings together, but never fewer than a few.
inline constexpr size_t kPostingsBudget = 16'384;

// Makes the tokenizer and the function that ScanLexical calls known to the connection: once for
// each.
Status RegisterLexicalScan(sqlite3* connection);

// `table`: a name that needs no quotes, of an FTS5 table with one column, tokenised as
// tokenizer.h says; its rows' ids are never given again. `cache` belongs to the table. Runs
// on the connection's thread, in its transaction. Fails as SQLite does.
Result<LexicalResult> ScanLexical(sqlite3* connection, const std::string& table,
                                  LexicalCache* cache, const LexicalQuery& query,
                                  const LexicalScan& scan);

}  // namespace minnow
