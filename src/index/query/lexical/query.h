// SPDX-License-Identifier: Apache-2.0
// LexicalQuery: what a user typed, as terms to look up. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace minnow {

struct LexicalTerm {
  std::string text;                // folded words, one space between; no quotes among them
  std::vector<std::string> stems;  // of each word, as the index has them
  double weight = 1;               // how often the term stands in the query, and how much it tells
  bool required = false;           // of quoted phrases: documents without it do not match
  bool prefix = false;             // the last word may go on
  bool one_character = false;      // of a script without spaces, found as the beginning of a pair

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
// In a text with more words than this beside its quotes, quotes have no meaning: it was pasted, and
// quotes somebody.
inline constexpr size_t kMaxWordsBesidePhrases = 12;

// Words are looked up one by one, and any of them may match; words of English grammar ("what",
// "the") only where there are no others. "words in quotes" must stand in the document in that
// order. No operator, bracket, star or column name has a meaning; signs have one in c#, c++, .net.
// Words with humps or digits are looked up whole and in parts, words that signs join (node.js,
// kube-apiserver) also side by side, and runs of scripts without spaces in overlapping pairs and
// whole. `prefix`: the last word may be the beginning of a word, from one letter on, unless white
// space or a quote follows it.
LexicalQuery ParseLexicalQuery(std::string_view text, bool prefix);

}  // namespace minnow
