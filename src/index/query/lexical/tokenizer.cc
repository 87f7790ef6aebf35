// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/tokenizer.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <new>

#include "base/check.h"
#include "index/query/lexical/fts5.h"

namespace minnow {
namespace {

int AddToken(void* tokens, int /*flags*/, const char* stem, int stem_bytes, int begin, int end) {
  try {
    static_cast<std::vector<LexicalToken>*>(tokens)->push_back(
        {std::string(stem, static_cast<size_t>(stem_bytes)), static_cast<size_t>(begin),
         static_cast<size_t>(end)});
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
  return SQLITE_OK;
}

}  // namespace

fts5_api* FindFts5(sqlite3* connection) {
  fts5_api* api = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", nullptr);
    sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
  return api;
}

LexicalTokenizer& LexicalTokenizer::ForThisThread() {
  static thread_local LexicalTokenizer tokenizer;
  return tokenizer;
}

LexicalTokenizer::LexicalTokenizer() : functions_(std::make_unique<fts5_tokenizer>()) {
  const int opened = sqlite3_open_v2(
      ":memory:", &connection_,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX,
      nullptr);
  CHECK(opened == SQLITE_OK);
  fts5_api* const api = FindFts5(connection_);
  CHECK(api != nullptr);
  void* context = nullptr;
  CHECK(api->xFindTokenizer(api, "porter", &context, functions_.get()) == SQLITE_OK);
  // kLexicalTokenizer, word by word.
  const char* arguments[] = {"unicode61", "remove_diacritics", "2"};
  CHECK(functions_->xCreate(context, arguments, 3, &tokenizer_) == SQLITE_OK);
}

LexicalTokenizer::~LexicalTokenizer() {
  functions_->xDelete(tokenizer_);
  sqlite3_close(connection_);
}

std::vector<LexicalToken> LexicalTokenizer::Tokenize(std::string_view text) {
  std::vector<LexicalToken> tokens;
  const auto bytes =
      static_cast<int>(std::min<size_t>(text.size(), std::numeric_limits<int>::max()));
  // An empty view may have no address at all.
  const char* const data = text.empty() ? "" : text.data();
  const int done =
      functions_->xTokenize(tokenizer_, &tokens, FTS5_TOKENIZE_QUERY, data, bytes, &AddToken);
  if (done != SQLITE_OK) throw std::bad_alloc();  // the only failure there is
  return tokens;
}

}  // namespace minnow
