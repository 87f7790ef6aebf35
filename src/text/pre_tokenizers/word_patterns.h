// SPDX-License-Identifier: Apache-2.0
// The regular expressions by which byte-level tokenizers cut words, each written out by hand. Pure
// functions; thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace minnow {

// Where the match that begins at byte `at` of `text` ends; `at` itself where none begins there.
// REQUIRES: well-formed UTF-8, at < text.size() and between code points
using WordPattern = size_t (*)(std::string_view text, size_t at);

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t MatchGpt2Word(std::string_view text, size_t at);

// The pattern of that regular expression (Oniguruma's syntax, as it stands in tokenizer.json); null
// for one that is not known here.
WordPattern FindWordPattern(std::string_view expression);

}  // namespace minnow
