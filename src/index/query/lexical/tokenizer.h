// SPDX-License-Identifier: Apache-2.0
// LexicalTokenizer: words as the full-text index sees them. The runs of a text (runs.h) become
//   iPhone15   iphone15, and at its place iphone, behind it 15
//   C#         c#; .NET  .net and net at one place; Disney+  disney+ and disney
//   天気が      the pairs 天気 and 気が, then が alone: one character is found as the beginning of
//   a pair 한국어는    the same, and the whole, _한국어는
// and FTS5's Porter stemmer takes the endings of English. FTS5 itself calls it while it indexes, so
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

#include "base/result.h"
#include "index/query/lexical/runs.h"

struct Fts5Tokenizer;
struct fts5_tokenizer;
struct sqlite3;

namespace minnow {

// What a full-text table is made with. The list of the words that begin with a character, which a
// search for one letter reads, is kept beside: one posting a document instead of all their lists.
inline constexpr char kLexicalTable[] = "tokenize='porter minnow', prefix='1'";
// Of the words that an index holds of a text. Grows with each change to them: a store that is
// opened for writing makes its full text again. 1: SQLite's unicode61.
inline constexpr int64_t kLexicalVersion = 2;

struct LexicalToken {
  std::string stem;  // folded and without endings
  size_t begin = 0;  // bytes of the text
  size_t end = 0;
  size_t place = 0;  // words in their order; several may stand at one place
};

// The whole of a Hangul run, beside its pairs.
std::string WholeHangul(const LexicalRun& run);

// Makes the tokenizer known to the connection, once for each that opens a full-text table.
Status RegisterLexicalTokenizer(sqlite3* connection);

class LexicalTokenizer {
 public:
  // The calling thread's own.
  static LexicalTokenizer& ForThisThread();
  ~LexicalTokenizer();
  LexicalTokenizer(const LexicalTokenizer&) = delete;
  LexicalTokenizer& operator=(const LexicalTokenizer&) = delete;

  // Total: any bytes give words.
  std::vector<LexicalToken> Tokenize(std::string_view text);
  // As FTS5 sees a document: the parts of a word stand only where the word stands first.
  std::vector<LexicalToken> TokenizeToIndex(std::string_view text);
  // The stems of folded words with one space between, as a query names them.
  std::vector<std::string> Stems(std::string_view words);

 private:
  LexicalTokenizer();
  std::vector<LexicalToken> Run(std::string_view text, int flags);

  sqlite3* connection_ = nullptr;
  std::unique_ptr<fts5_tokenizer> functions_;
  Fts5Tokenizer* tokenizer_ = nullptr;
};

}  // namespace minnow
