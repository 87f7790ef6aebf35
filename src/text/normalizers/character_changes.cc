// SPDX-License-Identifier: Apache-2.0
// Using the old text up while the new one is written.
#include "text/normalizers/character_changes.h"

#include <algorithm>

namespace minnow {

void AppendChanges(const TextView& old, std::span<const CharacterChange> changes,
                   NormalizedText& out) {
  const std::string_view text = old.bytes;
  size_t used = 0;
  const auto use_one = [&] {
    if (used == text.size()) return;
    ++used;
    while (used < text.size() && IsUtf8Continuation(text[used])) ++used;
  };
  for (const auto& [c, change] : changes) {
    uint32_t source = 0;
    if (old.source != nullptr && !text.empty()) {
      source = change > 0 ? old.source[std::max<size_t>(used, 1) - 1]
                          : old.source[std::min(used, text.size() - 1)];
    }
    out.Append(c, source);
    for (int32_t i = change; i <= 0; ++i) use_one();
  }
}

}  // namespace minnow
