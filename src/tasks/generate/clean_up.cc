// SPDX-License-Identifier: Apache-2.0
#include "tasks/generate/clean_up.h"

#include <string_view>
#include <utility>

namespace minnow {
namespace {

// All of them, from left to right, in one pass: what a replacement makes is not looked at again.
std::string Replaced(const std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  size_t begin = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, begin)) {
    out.append(text, begin, at - begin).append(to);
    begin = at + from.size();
  }
  return begin == 0 ? text : out.append(text, begin);
}

}  // namespace

std::string CleanUpSpaces(std::string text) {
  using Pair = std::pair<std::string_view, std::string_view>;
  for (const auto& [from, to] : {Pair(" .", "."), Pair(" ?", "?"), Pair(" !", "!"), Pair(" ,", ","),
                                 Pair(" ' ", "'"), Pair(" n't", "n't"), Pair(" 'm", "'m"),
                                 Pair(" 's", "'s"), Pair(" 've", "'ve"), Pair(" 're", "'re")})
    text = Replaced(text, from, to);
  return text;
}

}  // namespace minnow
