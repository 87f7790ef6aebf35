// SPDX-License-Identifier: Apache-2.0
#include "index/query/snippet.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "index/query/characters.h"
#include "index/query/lexical/tokenizer.h"

namespace minnow {
namespace {

constexpr char kEllipsis[] = "\u2026";
// A window begins so much before its first match, where the text allows it.
constexpr size_t kContextShare = 4;
// Terms that weigh less than this part of the heaviest are not marked: "the" beside a rare word.
constexpr double kTellingShare = 0.05;
// A long text is looked through in pieces of so many bytes, until one has a match.
constexpr size_t kSnippetPiece = size_t{16} << 10;
constexpr size_t kMaxSnippetPieces = 32;
// A word that stands again counts for this much of what it counted first.
constexpr double kRepeated = 0.1;

struct Range {
  size_t begin = 0;
  size_t end = 0;
};

// A stretch of text that a term of the query matches.
struct Match : Range {
  size_t term = 0;
};

// The nearest beginning of a character at or before `at`.
size_t CharacterBegin(std::string_view text, size_t at) {
  constexpr size_t kMaxContinuations = 3;
  size_t begin = std::min(at, text.size());
  for (size_t i = 0; i < kMaxContinuations; ++i) {
    if (begin == 0 || begin == text.size() || !IsContinuation(text[begin])) return begin;
    --begin;
  }
  return begin;
}

class Matcher {
 public:
  Matcher(const LexicalQuery& query, std::span<const double> weights) : query_(query) {
    double most = 0;
    for (size_t i = 0; i < query.terms.size(); ++i) {
      weights_.push_back(i < weights.size() ? weights[i] : GuessedWeight(query.terms[i]));
      most = std::max(most, weights_.back());
    }
    for (size_t i = 0; i < query.terms.size(); ++i) {
      if (most <= 0) weights_[i] = 1;
      if (weights_[i] < kTellingShare * most) continue;
      by_stem_[query.terms[i].stems.front()].push_back(i);
      if (query.terms[i].prefix && query.terms[i].stems.size() == 1) prefixes_.push_back(i);
    }
  }

  double weight(size_t term) const { return weights_[term]; }

  // By their beginnings, the longer first; they may overlap.
  std::vector<Match> Find(std::string_view text) const {
    std::vector<Match> matches;
    if (by_stem_.empty()) return matches;
    const std::vector<LexicalToken> tokens = LexicalTokenizer::ForThisThread().Tokenize(text);
    for (size_t i = 0; i < tokens.size(); ++i) {
      Match best;
      const auto candidates = by_stem_.find(tokens[i].stem);
      if (candidates != by_stem_.end()) {
        for (const size_t term : candidates->second) Try(tokens, i, term, best);
      }
      for (const size_t term : prefixes_) Try(tokens, i, term, best);
      if (best.end > 0) matches.push_back(best);
    }
    std::stable_sort(matches.begin(), matches.end(), [](const Match& a, const Match& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
    });
    return matches;
  }

 private:
  // Without numbers: very short words tell little.
  static double GuessedWeight(const LexicalTerm& term) {
    constexpr size_t kShortWord = 2;
    return term.required || term.stems.size() > 1 || term.text.size() > kShortWord ? 1 : 0;
  }

  // Makes `best` the term's match that begins with token i, where there is one that is longer.
  void Try(const std::vector<LexicalToken>& tokens, size_t i, size_t term, Match& best) const {
    const LexicalTerm& wanted = query_.terms[term];
    const size_t place = tokens[i].place;
    size_t word = 0;
    size_t end = 0;
    size_t at = i;
    for (; at < tokens.size() && word < wanted.stems.size(); ++at) {
      if (tokens[at].place > place + word) return;
      if (tokens[at].place < place + word) continue;
      const bool goes_on = wanted.prefix && word + 1 == wanted.stems.size();
      const std::string& stem = tokens[at].stem;
      if (!(goes_on ? stem.starts_with(wanted.stems[word]) : stem == wanted.stems[word])) {
        if (word == 0) return;
        continue;  // another word may stand at the same place
      }
      end = tokens[at].end;
      ++word;
    }
    if (word < wanted.stems.size()) return;
    if (wanted.one_character) {
      // The pair that it begins reaches into the next character.
      const size_t last = tokens[at - 1].place;
      while (at < tokens.size() && tokens[at].place == last) ++at;
      if (at < tokens.size()) end = std::min(end, tokens[at].begin);
    }
    if (end <= best.end) return;
    best.begin = tokens[i].begin;
    best.end = end;
    best.term = term;
  }

  const LexicalQuery& query_;
  std::vector<double> weights_;
  std::unordered_map<std::string, std::vector<size_t>> by_stem_;  // of each term's first word
  std::vector<size_t> prefixes_;                                  // of one word
};

// The first and last match of the window of at most `max_bytes` that is worth most.
Range BestWindow(const std::vector<Match>& matches, const Matcher& matcher, size_t max_bytes) {
  std::unordered_map<size_t, size_t> inside;  // how often each term stands in the window
  double value = 0;
  double best_value = -1;
  Range best;
  size_t first = 0;
  size_t end = 0;  // the farthest so far: matches may overlap
  for (size_t last = 0; last < matches.size(); ++last) {
    const auto add = [&](size_t i) {
      const double weight = matcher.weight(matches[i].term);
      value += inside[matches[i].term]++ == 0 ? weight : weight * kRepeated;
    };
    const auto remove = [&](size_t i) {
      const double weight = matcher.weight(matches[i].term);
      value -= --inside[matches[i].term] == 0 ? weight : weight * kRepeated;
    };
    add(last);
    end = std::max(end, matches[last].end);
    while (first < last && end - matches[first].begin > max_bytes) remove(first++);
    // Sums of floats drift; the margin keeps the earlier of equal windows.
    constexpr double kMargin = 1e-9;
    if (value > best_value + kMargin) {
      best_value = value;
      best = {matches[first].begin, end};
    }
  }
  return best;
}

// A window of `source` of at most `max_bytes` around `core`, cut between words.
Range Widen(std::string_view text, Range source, Range core, size_t max_bytes) {
  if (core.end - core.begin > max_bytes) core.end = CharacterBegin(text, core.begin + max_bytes);
  const size_t spare = max_bytes - (core.end - core.begin);
  Range window;
  window.begin = core.begin - std::min(core.begin - source.begin, spare / kContextShare);
  window.end = std::min(source.end, window.begin + max_bytes);
  // What is not needed behind goes before.
  const size_t left = max_bytes - (window.end - window.begin);
  window.begin -= std::min(window.begin - source.begin, left);

  if (window.begin > source.begin) {
    size_t begin = window.begin;
    while (begin < core.begin && !IsSpace(text[begin - 1])) ++begin;
    window.begin = begin < core.begin || IsSpace(text[begin - 1])
                       ? begin
                       : CharacterBegin(text, window.begin + 3);
    window.begin = std::min(window.begin, core.begin);
  }
  if (window.end < source.end) {
    size_t end = window.end;
    while (end > core.end && !IsSpace(text[end])) --end;
    window.end = end > core.end ? end : CharacterBegin(text, window.end);
    if (window.end < core.end) window.end = core.end;
  }
  while (window.begin < window.end && IsSpace(text[window.begin])) ++window.begin;
  while (window.end > window.begin && IsSpace(text[window.end - 1])) --window.end;
  return window;
}

// The matches in the first piece of `source` that has any; `source` becomes that piece. Pieces are
// cut between words where there are any.
std::vector<Match> FindFirst(std::string_view text, const Matcher& matcher, size_t max_bytes,
                             Range& source) {
  const size_t step = std::max(kSnippetPiece, max_bytes);
  size_t begin = source.begin;
  for (size_t piece = 0; piece < kMaxSnippetPieces && begin < source.end; ++piece) {
    size_t end = source.end;
    if (end - begin > step) {
      end = begin + step;
      while (end > begin + step / 2 && !IsSpace(text[end])) --end;
      if (!IsSpace(text[end])) end = CharacterBegin(text, begin + step);
    }
    std::vector<Match> matches = matcher.Find(text.substr(begin, end - begin));
    if (!matches.empty()) {
      for (Match& match : matches) match.begin += begin, match.end += begin;
      source = {begin, end};
      return matches;
    }
    begin = end;
  }
  return {};
}

void AppendEscaped(char c, std::string& out) {
  switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      out += c;
  }
}

std::string Render(std::string_view text, Range window, const std::vector<Match>& matches,
                   const SnippetOptions& options) {
  std::string out;
  if (window.begin == window.end) return out;
  if (text.substr(0, window.begin).find_first_not_of(" \t\n\r\f\v") != text.npos) out += kEllipsis;
  auto match = std::find_if(matches.begin(), matches.end(),
                            [&](const Match& m) { return m.begin >= window.begin; });
  size_t marked = 0;  // the end of the open mark
  for (size_t at = window.begin; at < window.end; ++at) {
    for (; match != matches.end() && match->begin <= at; ++match) {
      if (!options.highlight || match->end > window.end) continue;
      if (marked == 0) out += options.pre;
      marked = std::max(marked, match->end);
    }
    if (!IsSpace(text[at])) {
      AppendEscaped(text[at], out);
    } else if (at + 1 == window.end || !IsSpace(text[at + 1])) {
      out += ' ';
    }
    if (marked == at + 1) out += options.post, marked = 0;
  }
  if (text.substr(window.end).find_first_not_of(" \t\n\r\f\v") != text.npos) out += kEllipsis;
  return out;
}

}  // namespace

std::string MakeSnippet(std::string_view text, std::optional<ChunkRange> passage,
                        const LexicalQuery& query, std::span<const double> weights,
                        const SnippetOptions& options) {
  const Matcher matcher(query, weights);
  const size_t max_bytes = std::min(options.max_bytes, text.size());
  const Range whole{0, text.size()};
  const bool has_passage = passage && passage->begin < passage->end && passage->end <= text.size();
  const Range beginning = has_passage ? Range{passage->begin, passage->end} : whole;
  Range source = beginning;
  std::vector<Match> matches = FindFirst(text, matcher, max_bytes, source);
  if (matches.empty() && has_passage) {
    source = whole;
    matches = FindFirst(text, matcher, max_bytes, source);
  }
  if (matches.empty()) source = beginning;
  Range core{source.begin, source.begin};
  if (!matches.empty()) core = BestWindow(matches, matcher, max_bytes);
  const Range window = Widen(text, source, core, max_bytes);
  return Render(text, window, matches, options);
}

ChunkRange FindWords(std::string_view text, const LexicalQuery& query,
                     std::span<const double> weights, size_t max_bytes) {
  const Matcher matcher(query, weights);
  Range source{0, text.size()};
  const std::vector<Match> matches = FindFirst(text, matcher, max_bytes, source);
  if (matches.empty()) return {};
  const Range window = BestWindow(matches, matcher, max_bytes);
  return {static_cast<uint32_t>(window.begin), static_cast<uint32_t>(window.end)};
}

}  // namespace minnow
