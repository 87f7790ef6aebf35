// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/query.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "index/query/lexical/identifiers.h"
#include "index/query/lexical/tokenizer.h"

namespace minnow {
namespace {

// Articles, pronouns, auxiliaries, prepositions and words that ask; ascending.
constexpr std::array<std::string_view, 82> kGrammar = {
    "a",    "about", "all",    "am",   "an",    "and",   "any",  "are",  "as",    "at",    "be",
    "been", "but",   "by",     "can",  "could", "did",   "do",   "does", "for",   "from",  "had",
    "has",  "have",  "he",     "her",  "his",   "how",   "i",    "if",   "in",    "into",  "is",
    "it",   "its",   "me",     "my",   "no",    "not",   "of",   "off",  "on",    "or",    "our",
    "out",  "she",   "should", "so",   "some",  "such",  "than", "that", "the",   "their", "them",
    "then", "there", "these",  "they", "this",  "those", "to",   "too",  "up",    "us",    "was",
    "we",   "were",  "what",   "when", "where", "which", "who",  "whom", "whose", "why",   "will",
    "with", "would", "you",    "your", "yours"};

bool IsGrammar(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return std::binary_search(kGrammar.begin(), kGrammar.end(), lower);
}

class Builder {
 public:
  void AddPhrase(std::string_view text) {
    LexicalTerm term;
    for (const LexicalToken& token : tokenizer_.Tokenize(text)) {
      if (!term.text.empty()) term.text += ' ';
      term.text += text.substr(token.begin, token.end - token.begin);
      term.stems.push_back(token.stem);
    }
    term.required = true;
    Add(std::move(term));
  }

  // `at_end`: nothing follows the last word.
  void AddWords(std::string_view text, bool prefix, bool at_end) {
    const auto tokens = tokenizer_.Tokenize(text);
    for (const LexicalToken& token : tokens) {
      const std::string_view word = text.substr(token.begin, token.end - token.begin);
      Add({std::string(word), {token.stem}}, IsGrammar(word) ? Role::kGrammar : Role::kContent);
      for (const std::string_view part : IdentifierParts(word)) {
        const auto stems = tokenizer_.Tokenize(part);
        if (stems.size() == 1) Add({std::string(part), {stems[0].stem}});
      }
    }
    if (!prefix || !at_end || tokens.empty() || tokens.back().end != text.size()) return;
    const std::string_view last = text.substr(tokens.back().begin);
    if (last.size() < kMinPrefixBytes) return;
    LexicalTerm term{std::string(last), {tokens.back().stem}};
    term.prefix = true;
    // The beginning of "theory", or "the" itself: it does not make other words say less.
    Add(std::move(term), IsGrammar(last) ? Role::kEither : Role::kContent);
  }

  // Words of grammar say nothing of what a document is about, however rare they are.
  LexicalQuery Take() {
    if (std::find(roles_.begin(), roles_.end(), Role::kContent) == roles_.end()) {
      return std::move(query_);
    }
    size_t i = 0;
    std::erase_if(query_.terms, [&](const LexicalTerm&) { return roles_[i++] == Role::kGrammar; });
    return std::move(query_);
  }

 private:
  enum class Role { kContent, kGrammar, kEither };

  void Add(LexicalTerm term, Role role = Role::kContent) {
    if (term.stems.empty()) return;
    const auto [place, is_new] = places_.emplace(term.Key(), query_.terms.size());
    if (!is_new) {
      LexicalTerm& before = query_.terms[place->second];
      before.weight += 1;
      before.required = before.required || term.required;
      if (role == Role::kContent) roles_[place->second] = role;
    } else if (query_.terms.size() < kMaxLexicalTerms) {
      query_.terms.push_back(std::move(term));
      roles_.push_back(role);
    } else {
      places_.erase(place);
    }
  }

  LexicalTokenizer& tokenizer_ = LexicalTokenizer::ForThisThread();
  LexicalQuery query_;
  std::vector<Role> roles_;  // of each term
  std::unordered_map<std::string, size_t> places_;
};

struct Piece {
  std::string_view text;
  bool quoted = false;
};

// A quote without another is no quote.
std::vector<Piece> SplitAtQuotes(std::string_view text) {
  std::vector<Piece> pieces;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t open = text.find('"', begin);
    const size_t close = open == text.npos ? text.npos : text.find('"', open + 1);
    if (close == text.npos) break;
    pieces.push_back({text.substr(begin, open - begin), false});
    pieces.push_back({text.substr(open + 1, close - open - 1), true});
    begin = close + 1;
  }
  if (begin < text.size()) pieces.push_back({text.substr(begin), false});
  return pieces;
}

size_t CountWords(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  size_t words = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    words += !is_space(text[i]) && (i == 0 || is_space(text[i - 1])) ? 1 : 0;
  }
  return words;
}

}  // namespace

std::string LexicalTerm::MatchExpression() const { return "\"" + text + (prefix ? "\" *" : "\""); }

std::string LexicalTerm::Key() const {
  std::string key;
  for (const std::string& stem : stems) key += stem + ' ';
  if (prefix) key += '*';
  return key;
}

LexicalQuery ParseLexicalQuery(std::string_view text, bool prefix) {
  Builder builder;
  const std::vector<Piece> pieces = SplitAtQuotes(text);
  size_t words = 0;
  for (const Piece& piece : pieces) words += piece.quoted ? 0 : CountWords(piece.text);
  if (words > kMaxWordsBesidePhrases) {
    builder.AddWords(text, prefix, /*at_end=*/true);
    return builder.Take();
  }
  for (const Piece& piece : pieces) {
    if (piece.quoted) {
      builder.AddPhrase(piece.text);
    } else {
      builder.AddWords(piece.text, prefix, &piece == &pieces.back());
    }
  }
  return builder.Take();
}

}  // namespace minnow
