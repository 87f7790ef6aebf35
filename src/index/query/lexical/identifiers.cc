// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/identifiers.h"

#include <unordered_set>

namespace minnow {
namespace {

// Longer words are no identifiers.
constexpr size_t kMaxIdentifierBytes = 128;

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordByte(char c) {
  return IsUpper(c) || IsLower(c) || IsDigit(c) || static_cast<unsigned char>(c) >= 0x80;
}

// Whether a part begins at word[i], i > 0.
bool BeginsPart(std::string_view word, size_t i) {
  if (!IsUpper(word[i])) return false;
  if (!IsUpper(word[i - 1])) return true;              // createPod, v1Pod
  return i + 1 < word.size() && IsLower(word[i + 1]);  // the S of HTTPServer
}

}  // namespace

std::vector<std::string_view> IdentifierParts(std::string_view word) {
  std::vector<std::string_view> parts;
  if (word.size() > kMaxIdentifierBytes) return parts;
  size_t begin = 0;
  for (size_t i = 1; i < word.size(); ++i) {
    if (!BeginsPart(word, i) || i - begin < 2) continue;
    parts.push_back(word.substr(begin, i - begin));
    begin = i;
  }
  if (parts.empty()) return parts;
  parts.push_back(word.substr(begin));
  return parts;
}

std::string LexicalText(std::string_view text) {
  std::string extended(text);
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    while (i < text.size() && IsWordByte(text[i])) ++i;
    const std::string_view word = text.substr(begin, i - begin);
    if (i < text.size()) ++i;
    const auto parts = IdentifierParts(word);
    if (parts.empty() || !seen.insert(word).second) continue;
    for (const std::string_view part : parts) {
      extended += extended.size() == text.size() ? '\n' : ' ';
      extended += part;
    }
  }
  return extended;
}

}  // namespace minnow
