// SPDX-License-Identifier: Apache-2.0
// Charsmap: the rules of a sentencepiece normaliser ("precompiled_charsmap"): a text that begins a
// string is replaced by another. Immutable, thread-safe; any bytes are safe to look into.
//
// Bytes: the size of the trie (u32, little-endian), the trie (a Darts double array of u32), then
// the replacements, each ended by a zero byte; the trie's values are where in them one starts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace minnow {

class Charsmap {
 public:
  struct Rule {
    size_t length = 0;             // bytes that are replaced; 0: no rule
    std::string_view replacement;  // well-formed UTF-8
  };

  static constexpr size_t kMaxReplacement = 1024;
  static constexpr size_t kMaxRule = 512;  // bytes; what is longer is not looked for

  Charsmap() = default;  // no rules
  // Fails with kCorrupt where the bytes end early or a replacement is no UTF-8, and with
  // kUnsupported where one is longer than kMaxReplacement.
  static Result<Charsmap> Parse(std::string bytes);

  // Of the rules for a beginning of `text` (well-formed UTF-8) the one for the shortest, or the
  // longest.
  Rule Shortest(std::string_view text) const;
  Rule Longest(std::string_view text) const;
  size_t longest_replacement() const { return longest_replacement_; }  // bytes

 private:
  uint32_t Unit(size_t i) const;
  template <class Visit>
  void ForEachRule(std::string_view text, const Visit& visit) const;
  // Whether a replacement can start there.
  bool IsReplacement(uint32_t value) const;
  // REQUIRES: IsReplacement(value)
  std::string_view Replacement(uint32_t value) const;

  std::string bytes_;
  size_t units_ = 0;         // of the trie
  size_t replacements_ = 0;  // where they start in `bytes_`
  size_t longest_replacement_ = 0;
};

}  // namespace minnow
