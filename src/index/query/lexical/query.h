// SPDX-License-Identifier: Apache-2.0
// LexicalQuery: what a user typed, as terms to look up. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace minnow {

struct LexicalTerm {
  std::string text;                // words as typed, one space between; letters and digits only
  std::vector<std::string> stems;  // of each word, as the index has them
  double weight = 1;               // how often the term stands in the query
  bool required = false;           // of quoted phrases: documents without it do not match
  bool prefix = false;             // the last word may go on

  // FTS5's expression for the term. Nothing in it is live but its own quotes and star.
  std::string MatchExpression() const;
  // Terms with the same key find the same.
  std::string Key() const;
};

struct LexicalQuery {
  std::vector<LexicalTerm> terms;  // at least one where there is a word; each once
};

// So many different terms of a text are looked at.
inline constexpr size_t kMaxLexicalTerms = 256;
// Shorter beginnings of words are taken as words: they begin too many.
inline constexpr size_t kMinPrefixBytes = 3;

// In a text with more words than this beside its quotes, quotes have no meaning: it was pasted, and
// quotes somebody.
inline constexpr size_t kMaxWordsBesidePhrases = 12;

// Words are looked up one by one, and any of them may match; words of English grammar ("what",
// "the") only where there are no others. "words in quotes" must stand in the document in that
// order. No operator, bracket, star, sign or column name has a meaning. Words with humps are looked
// up whole and in parts. `prefix`: the last word may be the beginning of a word, unless white space
// or a quote follows it.
LexicalQuery ParseLexicalQuery(std::string_view text, bool prefix);

}  // namespace minnow
