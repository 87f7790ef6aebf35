// SPDX-License-Identifier: Apache-2.0
// StringMatcher: finds the leftmost-longest of some strings. A trie; thread-safe once made.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace minnow {

class StringMatcher {
 public:
  // For strings of a file: one is looked for at each place of a text, and each byte is a node.
  static constexpr size_t kMaxPatternBytes = 4096;
  static constexpr size_t kMaxAllBytes = size_t{1} << 20;

  // `value` must not be negative.
  void Add(std::string_view pattern, int32_t value);
  bool empty() const { return nodes_.empty(); }
  // The first match at or after `from`: its value; -1 where there is none.
  int32_t Find(std::string_view text, size_t from, size_t& begin, size_t& end) const;
  // The longest match that begins at `begin`: its value and where it ends; -1 where there is none.
  int32_t FindAt(std::string_view text, size_t begin, size_t& end) const;
  // The value of exactly `pattern`, or -1.
  int32_t ValueOf(std::string_view pattern) const;

 private:
  struct Node {
    int32_t child = -1;
    int32_t sibling = -1;
    int32_t value = -1;
    char byte = 0;
  };
  int32_t Step(int32_t first_sibling, char byte) const;

  std::vector<Node> nodes_;
  std::array<int32_t, 256> roots_ = [] {
    std::array<int32_t, 256> none;
    none.fill(-1);
    return none;
  }();
};

}  // namespace minnow
