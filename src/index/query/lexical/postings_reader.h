// SPDX-License-Identifier: Apache-2.0
// Reading postings out of an FTS5 table, by an SQL function of our own that FTS5 calls with its
// inner interface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "index/query/lexical/cache.h"
#include "index/query/lexical/query.h"

struct sqlite3;

namespace minnow {

// Of the whole table, as a transaction sees it.
struct LexicalTotals {
  int64_t documents = 0;
  int64_t words = 0;
  int64_t last_row = 0;  // the greatest row id
};

class PostingsReader {
 public:
  // All outlive the reader. `table`: a name that needs no quotes.
  PostingsReader(sqlite3* connection, const std::string& table, LexicalCache* cache)
      : connection_(connection), table_(table), cache_(*cache) {}

  // All fail as SQLite does, with kCorrupt where it finds damage.
  Result<LexicalTotals> ReadTotals();

  // The postings of all rows, of each term.
  Result<std::vector<Postings>> ReadAll(const std::vector<const LexicalTerm*>& terms);

  // Those of rows with ids above `after`. Cheap where few rows are.
  Result<std::vector<Postings>> ReadAfter(const std::vector<const LexicalTerm*>& terms,
                                          int64_t after);

 private:
  struct Reading;
  struct Callbacks;
  friend Status RegisterLexicalScan(sqlite3* connection);
  Status Run(const std::string& sql, const std::string& expression, int64_t after,
             Reading* reading);

  sqlite3* const connection_;
  const std::string table_;
  LexicalCache& cache_;
};

}  // namespace minnow
