// SPDX-License-Identifier: Apache-2.0
// Units: the smallest pieces that chunking keeps whole where it can: sentences, headings, blocks of
// code. Pure and linear.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace minnow {

// How good a place for a cut the beginning of a unit is.
enum class CutQuality : uint8_t { kSentence, kParagraph, kHeading };

struct TextUnit {
  size_t begin = 0;  // bytes; no white space at either end
  size_t end = 0;
  CutQuality cut_before = CutQuality::kSentence;
  bool heading() const { return cut_before == CutQuality::kHeading; }
};

// The sentences, headings, list items and code blocks of a text, in order; between them is nothing
// but white space.
std::vector<TextUnit> SplitIntoUnits(std::string_view text);

// The parts of `unit` between line breaks, or between white space.
std::vector<TextUnit> SplitLines(std::string_view text, const TextUnit& unit);
std::vector<TextUnit> SplitWords(std::string_view text, const TextUnit& unit);
// Parts of at most `max_bytes` >= 4 bytes, cut between UTF-8 sequences (bytes that are not UTF-8
// may be cut anywhere).
std::vector<TextUnit> SplitBytes(std::string_view text, const TextUnit& unit, size_t max_bytes);

}  // namespace minnow
