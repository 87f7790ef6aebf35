// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/postings_reader.h"

#include <sqlite3.h>

#include <algorithm>
#include <new>

#include "index/query/lexical/fts5.h"
#include "index/query/lexical/scan.h"
#include "index/query/lexical/tokenizer.h"

namespace minnow {
namespace {

constexpr char kFunction[] = "minnow_read_postings";

std::string AnyOf(const std::vector<const LexicalTerm*>& terms) {
  std::string expression;
  for (const LexicalTerm* term : terms) {
    if (!expression.empty()) expression += " OR ";
    expression += term->MatchExpression();
  }
  return expression;
}

}  // namespace

// What the SQL function does with the row that it is called for.
struct PostingsReader::Reading {
  enum class What { kTotals, kAllRows, kThisRow };
  What what = What::kTotals;
  sqlite3* connection = nullptr;
  std::string lengths_sql;
  LexicalCache* cache = nullptr;
  LexicalTotals totals;
  std::vector<Postings> postings;  // by phrase of the expression

  Postings* current = nullptr;  // kAllRows: of the phrase being read
  int64_t page_number = -1;
  LexicalCache::LengthPage* page = nullptr;
};

struct PostingsReader::Callbacks {
  // The lengths of all rows of a page, in one query: FTS5's own call makes one for each row. They
  // stand in a table beside, as one variable-length integer for our one column.
  static int ReadPage(Reading* reading, int64_t first) {
    sqlite3_stmt* statement = nullptr;
    int result = sqlite3_prepare_v2(reading->connection, reading->lengths_sql.c_str(), -1,
                                    &statement, nullptr);
    if (result == SQLITE_OK) {
      sqlite3_bind_int64(statement, 1, first);
      sqlite3_bind_int64(statement, 2, first + static_cast<int64_t>(LexicalCache::kPageRows) - 1);
      while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const auto row = static_cast<size_t>(sqlite3_column_int64(statement, 0) - first);
        const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, 1));
        uint32_t length = 0;
        for (int i = 0; i < sqlite3_column_bytes(statement, 1); ++i) {
          length = length << 7 | (bytes[i] & 0x7F);
        }
        (*reading->page)[row].store(length + 1, std::memory_order_relaxed);
      }
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
  }

  static int ReadLength(const Fts5ExtensionApi* api, Fts5Context* row, Reading* reading,
                        Posting* posting) {
    const auto rows = static_cast<int64_t>(LexicalCache::kPageRows);
    const int64_t number = posting->document / rows;
    if (number != reading->page_number) {
      bool is_new = false;
      reading->page = &reading->cache->Page(posting->document, &is_new);
      reading->page_number = number;
      const int result = is_new ? ReadPage(reading, number * rows) : SQLITE_OK;
      if (result != SQLITE_OK) return result;
    }
    auto& known = (*reading->page)[static_cast<size_t>(posting->document % rows)];
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

  // Adds the row to the phrase's postings, if it has the phrase.
  static int ReadRow(const Fts5ExtensionApi* api, Fts5Context* row, int phrase, Reading* reading,
                     Postings* postings) {
    Posting posting;
    posting.document = api->xRowid(row);
    if (posting.document < 0) return SQLITE_OK;  // no row of ours
    Fts5PhraseIter places;
    int column = 0;
    int offset = 0;
    int result = api->xPhraseFirst(row, phrase, &places, &column, &offset);
    if (result != SQLITE_OK) return result;
    for (; column >= 0; api->xPhraseNext(row, &places, &column, &offset)) ++posting.count;
    if (posting.count == 0) return SQLITE_OK;
    result = ReadLength(api, row, reading, &posting);
    if (result == SQLITE_OK) postings->push_back(posting);
    return result;
  }

  static int OnRowOfPhrase(const Fts5ExtensionApi* api, Fts5Context* row, void* data) {
    auto* const reading = static_cast<Reading*>(data);
    try {
      return ReadRow(api, row, 0, reading, reading->current);
    } catch (const std::bad_alloc&) {
      return SQLITE_NOMEM;
    }
  }

  static int OnRow(const Fts5ExtensionApi* api, Fts5Context* row, Reading* reading) {
    int result = SQLITE_OK;
    if (reading->what == Reading::What::kTotals) {
      sqlite3_int64 documents = 0;
      sqlite3_int64 words = 0;
      result = api->xRowCount(row, &documents);
      if (result == SQLITE_OK) result = api->xColumnTotalSize(row, -1, &words);
      reading->totals.documents = documents;
      reading->totals.words = words;
      return result;
    }
    const auto phrases = std::min(static_cast<size_t>(std::max(api->xPhraseCount(row), 0)),
                                  reading->postings.size());
    for (size_t i = 0; i < phrases && result == SQLITE_OK; ++i) {
      const int phrase = static_cast<int>(i);
      reading->current = &reading->postings[i];
      result = reading->what == Reading::What::kAllRows
                   ? api->xQueryPhrase(row, phrase, reading, &OnRowOfPhrase)
                   : ReadRow(api, row, phrase, reading, reading->current);
    }
    return result;
  }

  static void Function(const Fts5ExtensionApi* api, Fts5Context* row, sqlite3_context* context,
                       int count, sqlite3_value** values) {
    auto* const reading =
        count == 1 ? static_cast<Reading*>(sqlite3_value_pointer(values[0], kFunction)) : nullptr;
    if (reading == nullptr) return sqlite3_result_error(context, "not for use in SQL", -1);
    int result = SQLITE_NOMEM;
    try {
      result = OnRow(api, row, reading);
    } catch (const std::bad_alloc&) {
    }
    if (result != SQLITE_OK) sqlite3_result_error_code(context, result);
  }
};

Status PostingsReader::Run(const std::string& sql, const std::string& expression, int64_t after,
                           Reading* reading) {
  reading->cache = &cache_;
  reading->connection = connection_;
  reading->lengths_sql = "SELECT id, sz FROM " + table_ + "_docsize WHERE id BETWEEN ?1 AND ?2";
  sqlite3_stmt* statement = nullptr;
  int result = sqlite3_prepare_v2(connection_, sql.c_str(), static_cast<int>(sql.size()),
                                  &statement, nullptr);
  if (result == SQLITE_OK) {
    sqlite3_bind_pointer(statement, 1, reading, kFunction, nullptr);
    // Parameters that the statement does not have are refused, which is as well.
    sqlite3_bind_text(statement, 2, expression.data(), static_cast<int>(expression.size()),
                      SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, after);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
      reading->totals.last_row = sqlite3_column_int64(statement, 1);
    }
  }
  Status status;
  if (result != SQLITE_DONE) {
    const Code code = (result & 0xFF) == SQLITE_CORRUPT ? Code::kCorrupt : Code::kInternal;
    status = Error{code, table_ + ": " + sqlite3_errmsg(connection_)};
  }
  sqlite3_finalize(statement);
  return status;
}

Result<LexicalTotals> PostingsReader::ReadTotals() {
  Reading reading;
  // Without MATCH, FTS5's function for the row id must not be called: the column gives it.
  MINNOW_RETURN_IF_ERROR(Run("SELECT " + std::string(kFunction) + "(" + table_ +
                                 ", ?1), rowid FROM " + table_ + " ORDER BY rowid DESC LIMIT 1",
                             "", 0, &reading));
  return reading.totals;
}

Result<std::vector<Postings>> PostingsReader::ReadAll(
    const std::vector<const LexicalTerm*>& terms) {
  Reading reading;
  reading.what = Reading::What::kAllRows;
  reading.postings.resize(terms.size());
  // The first row that has any of the terms is enough to reach the phrases.
  MINNOW_RETURN_IF_ERROR(Run("SELECT " + std::string(kFunction) + "(" + table_ +
                                 ", ?1), rowid FROM " + table_ + " WHERE " + table_ +
                                 " MATCH ?2 LIMIT 1",
                             AnyOf(terms), 0, &reading));
  return std::move(reading.postings);
}

Result<std::vector<Postings>> PostingsReader::ReadAfter(
    const std::vector<const LexicalTerm*>& terms, int64_t after) {
  Reading reading;
  reading.what = Reading::What::kThisRow;
  reading.postings.resize(terms.size());
  MINNOW_RETURN_IF_ERROR(Run("SELECT " + std::string(kFunction) + "(" + table_ +
                                 ", ?1), rowid FROM " + table_ + " WHERE " + table_ +
                                 " MATCH ?2 AND rowid > ?3",
                             AnyOf(terms), after, &reading));
  return std::move(reading.postings);
}

Status RegisterLexicalScan(sqlite3* connection) {
  MINNOW_RETURN_IF_ERROR(RegisterLexicalTokenizer(connection));
  fts5_api* const api = FindFts5(connection);
  if (api->xCreateFunction(api, kFunction, nullptr, &PostingsReader::Callbacks::Function,
                           nullptr) != SQLITE_OK) {
    return Error{Code::kInternal, "out of memory"};
  }
  return {};
}

}  // namespace minnow
