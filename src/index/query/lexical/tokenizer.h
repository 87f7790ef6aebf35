// SPDX-License-Identifier: Apache-2.0
// LexicalTokenizer: words as the full-text index sees them: SQLite's own FTS5 tokenizer, so that
// what is found and what is marked can never differ.
//
// The first use on a thread opens an empty database in memory; after that a call costs some ten
// nanoseconds a byte. An object belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct Fts5Tokenizer;
struct fts5_tokenizer;
struct sqlite3;

namespace minnow {

// What stands after tokenize= where a full-text table is made.
inline constexpr char kLexicalTokenizer[] = "porter unicode61 remove_diacritics 2";
// Of the words that an index holds of a text: kLexicalTokenizer and LexicalText (identifiers.h).
// Grows with each change to them: a store that is opened for writing makes its full text again.
inline constexpr int64_t kLexicalVersion = 1;

struct LexicalToken {
  std::string stem;  // lower case, without diacritics and endings
  size_t begin = 0;  // bytes of the text
  size_t end = 0;
};

class LexicalTokenizer {
 public:
  // The calling thread's own.
  static LexicalTokenizer& ForThisThread();

  ~LexicalTokenizer();
  LexicalTokenizer(const LexicalTokenizer&) = delete;
  LexicalTokenizer& operator=(const LexicalTokenizer&) = delete;

  // Total: any bytes give words.
  std::vector<LexicalToken> Tokenize(std::string_view text);

 private:
  LexicalTokenizer();

  sqlite3* connection_ = nullptr;
  std::unique_ptr<fts5_tokenizer> functions_;
  Fts5Tokenizer* tokenizer_ = nullptr;
};

}  // namespace minnow
