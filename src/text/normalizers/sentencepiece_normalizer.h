// SPDX-License-Identifier: Apache-2.0
// The normaliser of a sentencepiece .model file. Hugging Face tokenizers' Precompiled has the same
// rules and applies them otherwise (precompiled.cc). Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/normalizers/charsmap.h"
#include "text/normalizers/normalizer.h"
#include "text/string_matcher.h"

namespace minnow {

struct SentencePieceRules {
  Charsmap charsmap;
  std::vector<std::string> user_defined;  // pieces that stay as they are
  bool add_dummy_prefix = true;           // a space before the text (or behind it, below)
  bool remove_extra_whitespaces = true;   // at the ends, and all but one elsewhere
  bool escape_whitespaces = true;         // U+2581 for a space
  bool whitespace_is_suffix = false;
};

std::unique_ptr<const Normalizer> MakeSentencePieceNormalizer(SentencePieceRules rules);

}  // namespace minnow
