// SPDX-License-Identifier: Apache-2.0
// Charsmap: walking the double array.
#include "text/normalizers/charsmap.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/utf8.h"

namespace minnow {
namespace {

// A unit of a Darts double array: a node's label (and, in bit 8, whether a value belongs to it) and
// where its children are; or, with bit 31, a value.
constexpr uint32_t kValueMask = 0x7FFFFFFF;

bool HasValue(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t Label(uint32_t unit) { return unit & 0x800000FF; }
size_t Offset(uint32_t unit) { return size_t{unit >> 10} << ((unit & 0x200) >> 6); }

}  // namespace

Result<Charsmap> Charsmap::Parse(std::string bytes) {
  static_assert(std::endian::native == std::endian::little);
  uint32_t trie_bytes = 0;
  if (bytes.empty()) return Charsmap();
  if (bytes.size() < sizeof trie_bytes) return Error{Code::kCorrupt, "charsmap: ends early"};
  std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);
  if (trie_bytes % sizeof(uint32_t) != 0 || trie_bytes > bytes.size() - sizeof trie_bytes) {
    return Error{Code::kCorrupt, "charsmap: a trie of " + std::to_string(trie_bytes) +
                                     " bytes in " + std::to_string(bytes.size())};
  }
  Charsmap map;
  map.units_ = trie_bytes / sizeof(uint32_t);
  map.replacements_ = sizeof trie_bytes + trie_bytes;
  map.bytes_ = std::move(bytes);
  const std::string_view all = std::string_view(map.bytes_).substr(map.replacements_);
  if (!IsValidUtf8(all)) return Error{Code::kCorrupt, "charsmap: replacements are not UTF-8"};
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = std::min(all.find('\0', begin), all.size());
    map.longest_replacement_ = std::max(map.longest_replacement_, end - begin);
    begin = end + 1;
  }
  if (map.longest_replacement_ > kMaxReplacement) {
    return Error{Code::kUnsupported, "charsmap: a replacement of more than " +
                                         std::to_string(kMaxReplacement) + " bytes"};
  }
  return map;
}

uint32_t Charsmap::Unit(size_t i) const {
  uint32_t unit;
  std::memcpy(&unit, bytes_.data() + sizeof(uint32_t) * (i + 1), sizeof unit);
  return unit;
}

// Calls visit(length, value) for each rule, the shortest first, while it answers true.
template <class Visit>
void Charsmap::ForEachRule(std::string_view text, const Visit& visit) const {
  if (units_ == 0) return;
  size_t node = Offset(Unit(0));
  // The trie may be a circle, so that the text does not end the walk soon.
  const size_t limit = std::min(text.size(), kMaxRule);
  for (size_t i = 0; i < limit; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (byte == 0 || node >= units_) return;
    const uint32_t unit = Unit(node);
    if (Label(unit) != byte) return;
    node ^= Offset(unit);
    if (!HasValue(unit)) continue;
    if (node >= units_) return;
    if (!visit(i + 1, Unit(node) & kValueMask)) return;
  }
}

bool Charsmap::IsReplacement(uint32_t value) const {
  const std::string_view all = std::string_view(bytes_).substr(replacements_);
  return value == all.size() || (value < all.size() && !IsUtf8Continuation(all[value]));
}

std::string_view Charsmap::Replacement(uint32_t value) const {
  const std::string_view all = std::string_view(bytes_).substr(replacements_);
  return all.substr(value, all.find('\0', value) - value);
}

Charsmap::Rule Charsmap::Shortest(std::string_view text) const {
  Rule rule;
  ForEachRule(text, [&](size_t length, uint32_t value) {
    if (IsReplacement(value)) rule = {length, Replacement(value)};
    return false;
  });
  return rule;
}

Charsmap::Rule Charsmap::Longest(std::string_view text) const {
  Rule rule;
  uint32_t replacement = 0;
  ForEachRule(text, [&](size_t length, uint32_t value) {
    // A rule that ends inside of a character would leave half of it.
    const bool whole = length == text.size() || !IsUtf8Continuation(text[length]);
    if (whole && IsReplacement(value)) {
      rule.length = length;
      replacement = value;
    }
    return true;
  });
  if (rule.length > 0) rule.replacement = Replacement(replacement);
  return rule;
}

}  // namespace minnow
