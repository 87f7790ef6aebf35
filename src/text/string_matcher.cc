// SPDX-License-Identifier: Apache-2.0
// StringMatcher: building the trie, and walking it.
#include "text/string_matcher.h"

namespace minnow {

int32_t StringMatcher::Step(int32_t first_sibling, char byte) const {
  int32_t node = first_sibling;
  while (node >= 0 && nodes_[static_cast<size_t>(node)].byte != byte)
    node = nodes_[static_cast<size_t>(node)].sibling;
  return node;
}

void StringMatcher::Add(std::string_view pattern, int32_t value) {
  int32_t parent = -1;
  for (const char byte : pattern) {
    int32_t& head =
        parent < 0 ? roots_[static_cast<uint8_t>(byte)] : nodes_[static_cast<size_t>(parent)].child;
    int32_t node = Step(head, byte);
    if (node < 0) {
      node = static_cast<int32_t>(nodes_.size());
      const int32_t sibling = head;
      head = node;
      nodes_.push_back({-1, sibling, -1, byte});
    }
    parent = node;
  }
  if (parent >= 0) nodes_[static_cast<size_t>(parent)].value = value;
}

int32_t StringMatcher::FindAt(std::string_view text, size_t begin, size_t& end) const {
  int32_t node = roots_[static_cast<uint8_t>(text[begin])];
  int32_t value = -1;
  for (size_t i = begin + 1; node >= 0; ++i) {
    if (nodes_[static_cast<size_t>(node)].value >= 0) {
      value = nodes_[static_cast<size_t>(node)].value;
      end = i;
    }
    if (i == text.size()) break;
    node = Step(nodes_[static_cast<size_t>(node)].child, text[i]);
  }
  return value;
}

int32_t StringMatcher::Find(std::string_view text, size_t from, size_t& begin, size_t& end) const {
  if (empty()) return -1;
  for (begin = from; begin < text.size(); ++begin) {
    const int32_t value = FindAt(text, begin, end);
    if (value >= 0) return value;
  }
  return -1;
}

int32_t StringMatcher::ValueOf(std::string_view pattern) const {
  int32_t node = -1;
  for (size_t i = 0; i < pattern.size(); ++i) {
    node = i == 0 ? roots_[static_cast<uint8_t>(pattern[0])]
                  : Step(nodes_[static_cast<size_t>(node)].child, pattern[i]);
    if (node < 0) return -1;
  }
  return node < 0 ? -1 : nodes_[static_cast<size_t>(node)].value;
}

}  // namespace minnow
