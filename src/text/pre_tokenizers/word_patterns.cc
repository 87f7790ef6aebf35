// SPDX-License-Identifier: Apache-2.0
// Regular expressions by hand: GPT-2, CLIP, and those of cl100k (Llama 3, Qwen 2).
#include "text/pre_tokenizers/word_patterns.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "text/unicode.h"

namespace minnow {
namespace {

// The four classes of which each character has one: \s, \p{L}, \p{N}, [^\s\p{L}\p{N}].
enum class Kind : uint8_t { kSpace, kLetter, kNumber, kOther };

Kind Classify(char32_t c) {
  if (IsWhiteSpace(c)) return Kind::kSpace;
  if (IsLetter(c)) return Kind::kLetter;
  return IsNumber(c) ? Kind::kNumber : Kind::kOther;
}

constexpr std::array<Kind, 128> kAsciiKinds = [] {
  std::array<Kind, 128> kinds = {};
  for (size_t c = 0; c < kinds.size(); ++c) {
    const size_t lower = c | 0x20;
    kinds[c] = c == ' ' || (c >= '\t' && c <= '\r') ? Kind::kSpace
               : lower >= 'a' && lower <= 'z'       ? Kind::kLetter
               : c >= '0' && c <= '9'               ? Kind::kNumber
                                                    : Kind::kOther;
  }
  return kinds;
}();

// One character of the text: its class, and where it ends.
struct Character {
  Kind kind;
  size_t end;
};

Character At(std::string_view text, size_t at) {
  if (IsAscii(text[at])) return {kAsciiKinds[static_cast<unsigned char>(text[at])], at + 1};
  const char* p = text.data() + at;
  const Kind kind = Classify(NextCodePoint(p));
  return {kind, static_cast<size_t>(p - text.data())};
}

// The end of the longest run of `kind` from `at` on, `limit` characters at most.
size_t RunEnd(std::string_view text, size_t at, Kind kind, size_t limit = SIZE_MAX) {
  for (; at < text.size() && limit > 0; --limit) {
    const Character next = At(text, at);
    if (next.kind != kind) break;
    at = next.end;
  }
  return at;
}

// 's|'t|'re|'ve|'m|'ll|'d, of either case where `any_case`. 0: none.
size_t ContractionBytes(std::string_view rest, bool any_case) {
  if (rest.size() < 2 || rest[0] != '\'') return 0;
  const auto letter = [&rest, any_case](size_t i) {
    const char c = i < rest.size() ? rest[i] : '\0';
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  switch (letter(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return letter(2) == 'e' ? 3 : 0;
    case 'l':
      return letter(2) == 'l' ? 3 : 0;
    default:
      // U+017F, which is an s of the other case.
      return any_case && rest.substr(1).starts_with("\u017F") ? 3 : 0;
  }
}

// \s+(?!\S)|\s+
size_t MatchSpaces(std::string_view text, size_t at) {
  size_t last = at;  // where the last of them begins
  size_t end = at;
  while (end < text.size()) {
    const Character next = At(text, end);
    if (next.kind != Kind::kSpace) break;
    last = end;
    end = next.end;
  }
  return end == text.size() || last == at ? end : last;
}

// '...|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
size_t MatchClipWord(std::string_view text, size_t at) {
  if (const size_t bytes = ContractionBytes(text.substr(at), false)) return at + bytes;
  const Character first = At(text, at);
  if (first.kind == Kind::kSpace) return at;
  return first.kind == Kind::kNumber ? first.end : RunEnd(text, first.end, first.kind);
}

// The same, with the special tokens before all else.
size_t MatchClipTokenOrWord(std::string_view text, size_t at) {
  for (const std::string_view token : {"<|startoftext|>", "<|endoftext|>"}) {
    if (text.substr(at).starts_with(token)) return at + token.size();
  }
  return MatchClipWord(text, at);
}

size_t SkipNewlines(std::string_view text, size_t at) {
  while (at < text.size() && (text[at] == '\r' || text[at] == '\n')) ++at;
  return at;
}

// (?i:'...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,kDigits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+
// |\s+(?!\S)|\s+
template <size_t kDigits>
size_t MatchCl100kWord(std::string_view text, size_t at) {
  if (const size_t bytes = ContractionBytes(text.substr(at), true)) return at + bytes;
  const Character first = At(text, at);
  if (first.kind == Kind::kLetter) return RunEnd(text, first.end, Kind::kLetter);
  if (first.kind == Kind::kNumber) return RunEnd(text, at, Kind::kNumber, kDigits);
  const bool newline = text[at] == '\r' || text[at] == '\n';
  if (!newline) {
    const size_t end = RunEnd(text, first.end, Kind::kLetter);
    if (end > first.end) return end;
  }
  const size_t others = text[at] == ' ' ? first.end : at;
  if (const size_t end = RunEnd(text, others, Kind::kOther); end > others)
    return SkipNewlines(text, end);
  const std::string_view spaces = text.substr(at, RunEnd(text, at, Kind::kSpace) - at);
  const size_t last_newline = spaces.find_last_of("\r\n");
  if (last_newline != std::string_view::npos) return at + last_newline + 1;
  return MatchSpaces(text, at);
}

struct NamedPattern {
  std::string_view expression;
  WordPattern pattern;
};

#define MINNOW_CL100K(numbers)                                            \
  R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)re" numbers \
  R"re(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re"

constexpr NamedPattern kPatterns[] = {
    {R"re('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re",
     MatchGpt2Word},
    {R"re('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re",
     MatchGpt2Word},
    {R"re('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)re", MatchClipWord},
    {R"re(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)re",
     MatchClipTokenOrWord},
    {MINNOW_CL100K(R"re(\p{N}{1,3})re"), MatchCl100kWord<3>},
    {MINNOW_CL100K(R"re(\p{N})re"), MatchCl100kWord<1>},
};
#undef MINNOW_CL100K

}  // namespace

size_t MatchGpt2Word(std::string_view text, size_t at) {
  if (const size_t bytes = ContractionBytes(text.substr(at), false)) return at + bytes;
  Character first = At(text, at);
  if (text[at] == ' ' && first.end < text.size()) {
    const Character second = At(text, first.end);
    if (second.kind != Kind::kSpace) first = second;
  }
  if (first.kind == Kind::kSpace) return MatchSpaces(text, at);
  return RunEnd(text, first.end, first.kind);
}

WordPattern FindWordPattern(std::string_view expression) {
  const auto* const found =
      std::find_if(std::begin(kPatterns), std::end(kPatterns),
                   [expression](const NamedPattern& p) { return p.expression == expression; });
  return found == std::end(kPatterns) ? nullptr : found->pattern;
}

}  // namespace minnow
