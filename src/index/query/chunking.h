// SPDX-License-Identifier: Apache-2.0
// Chunking: a text cut into overlapping pieces of bounded size, at sentences where it can be.
//
// Best cuts first: Markdown headings, blank lines, sentences, lines (code, tables), words; a word
// that is too long by itself is cut between characters. Pure; linear in the text, whatever it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace minnow {

// Bytes [begin, end) of a document's text.
struct ChunkRange {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool operator==(const ChunkRange&) const = default;
};

struct ChunkOptions {
  size_t max_tokens = 160;     // at least 8; special tokens not included
  size_t overlap_tokens = 32;  // shared with the chunk before; at most max_tokens / 4 are taken
};

// How many tokens a model makes of a piece of text, special tokens not included.
using TokenCounter = std::function<size_t(std::string_view)>;

// Texts longer than this are cut there.
inline constexpr size_t kMaxChunkedBytes = size_t{1} << 30;

// The chunks of `text`, in order. Each begins and ends at a character that is no white space, so a
// blank text has none; together they cover every other character; none splits a UTF-8 sequence.
// A chunk's tokens, counted piece by piece, are at most options.max_tokens, and its bytes at most
// 32 times that (a tokenizer may call a very long word one token).
std::vector<ChunkRange> ChunkText(std::string_view text, const ChunkOptions& options,
                                  const TokenCounter& count_tokens);

}  // namespace minnow
