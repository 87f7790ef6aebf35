// SPDX-License-Identifier: Apache-2.0
// PrefixFilter: setting the bits.
#include "text/models/prefix_filter.h"

#include <algorithm>
#include <bit>

#include "base/utf8.h"

namespace minnow {

PrefixFilter::PrefixFilter(std::span<const uint64_t> words)
    : words_(words), shift_(64 - std::countr_zero(std::max<size_t>(words.size(), 1) * 64)) {}

std::vector<uint64_t> PrefixFilter::Build(const Vocabulary& vocabulary) {
  constexpr size_t kBitsForToken = 16;
  std::vector<uint64_t> words(std::bit_ceil(vocabulary.size() * kBitsForToken / 64 + 1));
  const int shift = PrefixFilter(words).shift_;
  for (int32_t id = 0; id < vocabulary.id_limit(); ++id) {
    const std::optional<std::string_view> token = vocabulary.Token(id);
    if (!token) continue;
    TokenHash hash;
    for (size_t i = 0; i + 1 < token->size(); ++i) {
      hash.Add((*token)[i]);
      if (IsUtf8Continuation((*token)[i + 1])) continue;
      const uint64_t bit = hash.value() * kMultiplier >> shift;
      words[bit / 64] |= uint64_t{1} << bit % 64;
    }
  }
  return words;
}

}  // namespace minnow
