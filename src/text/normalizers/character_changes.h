// SPDX-License-Identifier: Apache-2.0
// What a normalizer made of a text, character by character, and from that where each byte of the
// new text comes from, as Hugging Face tokenizers counts it. Pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "text/normalized_text.h"

namespace minnow {

struct CharacterChange {
  char32_t c = 0;
  // 0: stands for the next character of the old text. Below: for the next one and that many more.
  // Above: was added, and has the source of what was used up last.
  int32_t change = 0;
};

// Appends the new text to `out`. Counts that do not fit the old text are taken as far as they go.
void AppendChanges(const TextView& old, std::span<const CharacterChange> changes,
                   NormalizedText& out);

}  // namespace minnow
