// SPDX-License-Identifier: Apache-2.0
// Snippets: the part of a text that shows best why it was found, as HTML with marks.
//
// Words are compared as the full-text index compares them (lexical/tokenizer.h), so "running" is
// marked for "run". Thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "index/query/chunking.h"
#include "index/query/lexical/query.h"

namespace minnow {

struct SnippetOptions {
  size_t max_bytes = 240;  // of text, without marks and escapes
  bool highlight = true;
  std::string pre = "<em>";  // put in as they are
  std::string post = "</em>";
};

// At most max_bytes of `text`: the stretch of `passage` (or of the whole text, where there is none,
// or the passage has none of the words) that holds the most of the query's words; without any,
// the beginning. Of a long text, the first 16 KiB that have any count. White space is made single
// spaces; an ellipsis stands where text was cut, and cuts are between words where they can be. &,
// <, >, " and ' are escaped. weights: how much each of query.terms counts, as in
// LexicalResult::weights; terms of weight 0 are not marked, unless all are. Empty: all the same.
std::string MakeSnippet(std::string_view text, std::optional<ChunkRange> passage,
                        const LexicalQuery& query, std::span<const double> weights,
                        const SnippetOptions& options);

// The stretch of at most max_bytes of `text` that holds the most of the query's words, as
// MakeSnippet finds it: from the first of them to the last. Empty, at 0, where there is none.
ChunkRange FindWords(std::string_view text, const LexicalQuery& query,
                     std::span<const double> weights, size_t max_bytes);

}  // namespace minnow
