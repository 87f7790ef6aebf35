// SPDX-License-Identifier: Apache-2.0
// One pass over the lines makes blocks, one pass over each block makes sentences.
#include "index/query/text_units.h"

#include <algorithm>
#include <array>

#include "index/query/characters.h"

namespace minnow {
namespace {

constexpr size_t kMaxHeadingMarks = 6;
constexpr size_t kMaxListDigits = 3;
constexpr size_t kMinFenceMarks = 3;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }

// [begin, end) without white space at its ends.
TextUnit Trimmed(std::string_view text, size_t begin, size_t end, CutQuality cut) {
  while (begin < end && IsSpace(text[begin])) ++begin;
  while (end > begin && IsSpace(text[end - 1])) --end;
  return {begin, end, cut};
}

bool IsHeading(std::string_view line) {
  const size_t marks = std::min(line.find_first_not_of('#'), line.size());
  return marks >= 1 && marks <= kMaxHeadingMarks && marks < line.size() && line[marks] == ' ';
}

// A line that begins a sentence whatever stands before it: a list item or a row of a table.
bool BeginsItem(std::string_view line) {
  if (line.starts_with('|')) return true;
  if (line.size() < 2) return false;
  if ((line[0] == '-' || line[0] == '*' || line[0] == '+') && line[1] == ' ') return true;
  size_t digits = 0;
  while (digits < line.size() && digits <= kMaxListDigits && IsDigit(line[digits])) ++digits;
  return digits >= 1 && digits <= kMaxListDigits && digits + 1 < line.size() &&
         (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ';
}

// The mark of a fence that `line` opens or closes, or 0.
char FenceMark(std::string_view line) {
  for (const char mark : {'`', '~'}) {
    if (line.size() >= kMinFenceMarks && line.find_first_not_of(mark) >= kMinFenceMarks) {
      return mark;
    }
  }
  return 0;
}

// A full stop after these ends no sentence.
bool IsAbbreviation(std::string_view word) {
  static constexpr std::array<std::string_view, 26> kAbbreviations = {
      "al",  "approx", "cf",  "ch", "co", "dr", "ed",   "eds", "eq", "etc", "fig", "inc", "jr",
      "ltd", "mr",     "mrs", "ms", "no", "pp", "prof", "sec", "sr", "st",  "viz", "vol", "vs"};
  constexpr size_t kLongest = 6;
  if (word.size() == 1) return IsLetter(word[0]);  // initials, and the last letter of "e.g."
  if (word.empty() || word.size() > kLongest) return false;
  char lower[kLongest];
  for (size_t i = 0; i < word.size(); ++i) lower[i] = static_cast<char>(word[i] | 0x20);
  const std::string_view lowered(lower, word.size());
  return std::find(kAbbreviations.begin(), kAbbreviations.end(), lowered) != kAbbreviations.end();
}

// Bytes of the terminator at `at`, and whether a sentence may end there without a space after it.
struct Terminator {
  size_t bytes = 0;
  bool needs_space = true;
};

Terminator TerminatorAt(std::string_view text, size_t at) {
  const char c = text[at];
  if (c == '.' || c == '!' || c == '?') return {1, true};
  const std::string_view rest = text.substr(at, 3);
  for (const std::string_view wide : {"\u3002", "\uFF01", "\uFF1F"}) {  // ideographic . ! ?
    if (rest == wide) return {3, false};
  }
  if (rest == "\u2026" || rest == "\u0964") return {3, true};  // ellipsis, danda
  if (rest.starts_with("\u061F")) return {2, true};            // Arabic question mark
  return {};
}

// Bytes of a closing quote or bracket at `at`.
size_t CloserAt(std::string_view text, size_t at, size_t end) {
  static constexpr std::string_view kClosers = "\"')]}*_`";
  if (at >= end) return 0;
  if (kClosers.find(text[at]) != std::string_view::npos) return 1;
  const std::string_view rest = text.substr(at, 3);
  for (const std::string_view closer : {"\u201D", "\u2019", "\u300D", "\u300F", "\uFF09"}) {
    if (rest == closer) return 3;
  }
  return rest.starts_with("\u00BB") ? 2 : 0;
}

// Whether the full stop at `at` belongs to an abbreviation; [begin, at) is the sentence so far.
bool EndsAbbreviation(std::string_view text, size_t begin, size_t at) {
  constexpr size_t kLongest = 7;
  size_t word = at;
  while (word > begin && at - word < kLongest && IsLetter(text[word - 1])) --word;
  return IsAbbreviation(text.substr(word, at - word));
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<TextUnit> Split() {
    for (size_t line = 0; line < text_.size();) {
      const size_t line_break = std::min(text_.find('\n', line), text_.size());
      Line(line, line_break);
      line = line_break + 1;
    }
    EndBlock(text_.size());
    return std::move(units_);
  }

 private:
  void Line(size_t begin, size_t end) {
    const TextUnit trimmed = Trimmed(text_, begin, end, CutQuality::kSentence);
    const std::string_view content = text_.substr(trimmed.begin, trimmed.end - trimmed.begin);
    const char fence = FenceMark(content);
    if (fence_ != 0) {
      if (fence == fence_) {
        EndBlock(end);
        fence_ = 0;
      }
      return;
    }
    if (content.empty()) {
      EndBlock(begin);
      next_cut_ = std::max(next_cut_, CutQuality::kParagraph);
    } else if (fence != 0) {
      EndBlock(begin);
      fence_ = fence;
      block_ = begin;
    } else if (IsHeading(content)) {
      EndBlock(begin);
      units_.push_back({trimmed.begin, trimmed.end, CutQuality::kHeading});
      next_cut_ = CutQuality::kSentence;
      block_ = end;
    } else if (BeginsItem(content)) {
      EndBlock(begin);
    }
  }

  // Ends what began at block_.
  void EndBlock(size_t end) {
    const TextUnit block = Trimmed(text_, block_, end, next_cut_);
    block_ = end;
    if (block.begin == block.end) return;
    next_cut_ = CutQuality::kSentence;
    if (fence_ != 0) {
      units_.push_back(block);
    } else {
      Sentences(block);
    }
  }

  void Sentences(TextUnit block) {
    size_t begin = block.begin;
    size_t at = begin;
    while (at < block.end) {
      const Terminator terminator = TerminatorAt(text_, at);
      if (terminator.bytes == 0) {
        ++at;
        continue;
      }
      const bool full_stop = text_[at] == '.';
      size_t after = at + terminator.bytes;
      bool needs_space = terminator.needs_space;
      size_t dots = 1;
      for (; after < block.end; ++dots) {
        const Terminator more = TerminatorAt(text_, after);
        if (more.bytes == 0) break;
        needs_space = needs_space && more.needs_space;
        after += more.bytes;
      }
      for (size_t bytes; (bytes = CloserAt(text_, after, block.end)) != 0;) after += bytes;
      const bool abbreviation = full_stop && dots == 1 && EndsAbbreviation(text_, begin, at);
      if (abbreviation || !EndsSentence(after, block.end, needs_space)) {
        at = after;
        continue;
      }
      units_.push_back(Trimmed(text_, begin, after, block.cut_before));
      block.cut_before = CutQuality::kSentence;
      begin = at = after;
    }
    const TextUnit rest = Trimmed(text_, begin, block.end, block.cut_before);
    if (rest.begin < rest.end) units_.push_back(rest);
  }

  bool EndsSentence(size_t after, size_t end, bool needs_space) const {
    if (after >= end || !needs_space) return true;
    if (!IsSpace(text_[after])) return false;
    while (after < end && IsSpace(text_[after])) ++after;
    return after >= end || !IsLower(text_[after]);
  }

  const std::string_view text_;
  std::vector<TextUnit> units_;
  size_t block_ = 0;  // where the block that is not ended yet begins
  CutQuality next_cut_ = CutQuality::kParagraph;
  char fence_ = 0;  // inside a block of code: its mark
};

template <class IsSeparator>
std::vector<TextUnit> SplitAt(std::string_view text, const TextUnit& unit, IsSeparator separates) {
  std::vector<TextUnit> parts;
  CutQuality cut = unit.cut_before;
  for (size_t begin = unit.begin; begin < unit.end;) {
    size_t end = begin;
    while (end < unit.end && !separates(text[end])) ++end;
    const TextUnit part = Trimmed(text, begin, end, cut);
    if (part.begin < part.end) {
      parts.push_back(part);
      cut = CutQuality::kSentence;
    }
    begin = end + 1;
  }
  return parts;
}

}  // namespace

std::vector<TextUnit> SplitIntoUnits(std::string_view text) { return Splitter(text).Split(); }

std::vector<TextUnit> SplitLines(std::string_view text, const TextUnit& unit) {
  return SplitAt(text, unit, [](char c) { return c == '\n'; });
}

std::vector<TextUnit> SplitWords(std::string_view text, const TextUnit& unit) {
  return SplitAt(text, unit, IsSpace);
}

std::vector<TextUnit> SplitBytes(std::string_view text, const TextUnit& unit, size_t max_bytes) {
  std::vector<TextUnit> parts;
  CutQuality cut = unit.cut_before;
  for (size_t begin = unit.begin; begin < unit.end;) {
    size_t end = std::min(begin + max_bytes, unit.end);
    if (end < unit.end) {
      constexpr size_t kMaxContinuations = 3;
      size_t boundary = end;
      while (end - boundary < kMaxContinuations && IsContinuation(text[boundary])) --boundary;
      if (!IsContinuation(text[boundary])) end = boundary;
    }
    parts.push_back({begin, end, cut});
    cut = CutQuality::kSentence;
    begin = end;
  }
  return parts;
}

}  // namespace minnow
