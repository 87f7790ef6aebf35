// SPDX-License-Identifier: Apache-2.0
// UTF-8: one table of well-formed sequences for all functions.
#include "base/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace minnow {
namespace {

// Moves past eight ASCII bytes at a time.
const unsigned char* SkipAscii(const unsigned char* p, const unsigned char* end) {
  while (end - p >= 8) {
    uint64_t word;
    std::memcpy(&word, p, sizeof(word));
    if ((word & 0x8080808080808080u) != 0) break;
    p += 8;
  }
  while (p < end && *p < 0x80) ++p;
  return p;
}

std::string_view Rest(const unsigned char* p, const unsigned char* end) {
  return {reinterpret_cast<const char*>(p), static_cast<size_t>(end - p)};
}

}  // namespace

size_t Utf8SequenceLength(std::string_view text, size_t& bad) {
  bad = 1;
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's bounds are those of table 3-7 of the Unicode standard.
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size() || byte(i) < low || byte(i) > high) {
      bad = i;
      return 0;
    }
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

bool IsValidUtf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = p + text.size();
  while ((p = SkipAscii(p, end)) < end) {
    size_t bad;
    const size_t length = Utf8SequenceLength(Rest(p, end), bad);
    if (length == 0) return false;
    p += length;
  }
  return true;
}

std::string RepairUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* end = p + text.size();
  while (p < end) {
    size_t bad;
    const size_t length = Utf8SequenceLength(Rest(p, end), bad);
    if (length == 0) {
      AppendUtf8(kReplacementCharacter, out);
      p += bad;
    } else {
      out.append(reinterpret_cast<const char*>(p), length);
      p += length;
    }
  }
  return out;
}

size_t CountCodePoints(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !IsUtf8Continuation(byte); }));
}

void AppendUtf8(char32_t c, std::string& out) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    const char bytes[] = {static_cast<char>(0xC0 | c >> 6), tail(0)};
    out.append(bytes, sizeof(bytes));
  } else if (c < 0x10000) {
    const char bytes[] = {static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)};
    out.append(bytes, sizeof(bytes));
  } else {
    const char bytes[] = {static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)};
    out.append(bytes, sizeof(bytes));
  }
}

}  // namespace minnow
