// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/query.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "index/query/lexical/runs.h"
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

// How much a term tells that stands beside others of the same word.
constexpr double kPart = 0.5;        // net, of .net
constexpr double kSideBySide = 0.5;  // node and js, of node.js
constexpr double kWholeRun = 0.5;    // of a script without spaces, beside its pairs
// In queries of more words the place of two of them tells little (0007): they are not looked up
// side by side there.
constexpr size_t kMaxJoined = 3;
// Longer runs of scripts without spaces are not looked up whole.
constexpr size_t kMaxWholeUnits = 8;

bool IsGrammar(const LexicalRun& run) {
  return !run.has_sign() && std::binary_search(kGrammar.begin(), kGrammar.end(), run.folded);
}

// The words that a run is in a phrase, as they stand one behind the other in the index. `is_last`:
// what follows in the document is not looked at.
std::string PhraseWords(const LexicalRun& run, bool is_last) {
  std::string words;
  const auto add = [&words](std::string_view word) {
    if (!words.empty()) words += ' ';
    words += word;
  };
  if (run.dense()) {
    const size_t count = run.units.size();
    for (size_t i = 0; i + 1 < count; ++i) add(run.Text(i, i + 2));
    if (!is_last || count == 1) add(run.Text(count - 1, count));
    return words;
  }
  const auto parts = run.Parts();
  if (run.has_sign() || parts.empty()) return run.Signed();
  for (const LexicalRun::Part& part : parts) add(run.Text(part.first, part.last));
  return words;
}

class Builder {
 public:
  void AddPhrase(std::string_view text) {
    std::vector<LexicalRun> runs;
    RunReader reader(text);
    while (const LexicalRun* run = reader.Next()) runs.push_back(*run);
    LexicalTerm term;
    for (const LexicalRun& run : runs) {
      const bool is_last = &run == &runs.back();
      if (!term.text.empty()) term.text += ' ';
      term.text += PhraseWords(run, is_last);
      term.prefix = term.one_character = is_last && run.dense() && run.units.size() == 1;
    }
    term.required = true;
    Add(std::move(term));
  }

  // `at_end`: nothing follows the last word.
  void AddWords(std::string_view text, bool prefix, bool at_end) {
    RunReader reader(text);
    std::string last;
    Role last_role = Role::kContent;
    while (const LexicalRun* run = reader.Next()) {
      if (run->dense()) {
        FlushJoined();
        AddDense(*run);
        continue;
      }
      last_role = IsGrammar(*run) ? Role::kGrammar : Role::kContent;
      AddSpaced(*run, last_role);
      if (run->end() == text.size()) last = run->Signed();
    }
    FlushJoined();
    if (!prefix || !at_end || last.empty()) return;
    LexicalTerm term = Words(std::move(last));
    term.prefix = true;
    // The beginning of "theory", or "the" itself: it does not make other words say less.
    Add(std::move(term), last_role == Role::kGrammar ? Role::kEither : Role::kContent);
  }

  // Words of grammar say nothing of what a document is about, however rare they are.
  LexicalQuery Take() {
    for (std::string& words : side_by_side_) {
      if (spaced_ <= kMaxJoined) Add(Words(std::move(words), kSideBySide), Role::kEither);
    }
    if (std::find(roles_.begin(), roles_.end(), Role::kContent) == roles_.end()) {
      return std::move(query_);
    }
    size_t i = 0;
    std::erase_if(query_.terms, [&](const LexicalTerm&) { return roles_[i++] == Role::kGrammar; });
    return std::move(query_);
  }

 private:
  enum class Role { kContent, kGrammar, kEither };

  static LexicalTerm Words(std::string words, double weight = 1) {
    LexicalTerm term;
    term.text = std::move(words);
    term.weight = weight;
    return term;
  }

  void AddSpaced(const LexicalRun& run, Role role) {
    if (run.joint == LexicalRun::Joint::kNone) FlushJoined();
    if (++spaced_ <= kMaxJoined) joined_.push_back(PhraseWords(run, false));
    Add(Words(run.Signed()), role);
    if (run.has_sign() && run.BaseIsWord()) Add(Words(run.folded, kPart));
    for (const LexicalRun::Part& part : run.Parts()) {
      Add(Words(std::string(run.Text(part.first, part.last)), kPart));
    }
  }

  // The words between spaces that signs join.
  void FlushJoined() {
    if (joined_.size() > 1 && joined_.size() <= kMaxJoined) {
      std::string words;
      for (const std::string& word : joined_) words += (words.empty() ? "" : " ") + word;
      side_by_side_.push_back(std::move(words));
    }
    joined_.clear();
  }

  void AddDense(const LexicalRun& run) {
    const size_t count = run.units.size();
    if (run.script == Script::kHangul) Add(Words(WholeHangul(run), kWholeRun), Role::kEither);
    if (count == 1) {
      LexicalTerm term = Words(run.folded);
      term.prefix = term.one_character = true;
      // A particle behind a word of another script says nothing.
      const bool glued = run.joint == LexicalRun::Joint::kGlued;
      Add(std::move(term), glued ? Role::kGrammar : Role::kContent);
      return;
    }
    const double weight = 1 / std::sqrt(static_cast<double>(count - 1));
    for (size_t i = 0; i + 1 < count; ++i) Add(Words(std::string(run.Text(i, i + 2)), weight));
    if (count > 2 && count <= kMaxWholeUnits) {
      Add(Words(PhraseWords(run, true), kWholeRun), Role::kEither);
    }
  }

  void Add(LexicalTerm term, Role role = Role::kContent) {
    if (term.stems.empty()) term.stems = tokenizer_.Stems(term.text);
    if (term.stems.empty()) return;
    const auto [place, is_new] = places_.emplace(term.Key(), query_.terms.size());
    if (!is_new) {
      LexicalTerm& before = query_.terms[place->second];
      before.weight += term.weight;
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
  std::vector<Role> roles_;          // of each term
  std::vector<std::string> joined_;  // the words that signs have joined so far
  std::vector<std::string> side_by_side_;
  size_t spaced_ = 0;  // runs of scripts with spaces
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
