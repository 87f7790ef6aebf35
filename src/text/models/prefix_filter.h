// SPDX-License-Identifier: Apache-2.0
// PrefixFilter: says for most texts at once that no token goes on from them, so that a search for
// all tokens at one place of a text ends early (decisions/0061). Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/models/vocabulary.h"

namespace minnow {

// A Bloom filter with one bit for each beginning of a token that ends between code points, by its
// TokenHash. Borrows its bits.
class PrefixFilter {
 public:
  PrefixFilter() = default;
  // `words`: none, or a power of two (IsSize). Without any, every text may go on.
  explicit PrefixFilter(std::span<const uint64_t> words);

  // False: no token begins with the text of this hash (TokenHash::value) and is longer.
  bool MayContinue(uint64_t hash) const {
    if (words_.empty()) return true;
    const uint64_t bit = hash * kMultiplier >> shift_;
    return (words_[bit / 64] >> bit % 64 & 1) != 0;
  }

  static bool IsSize(size_t words) { return words == 0 || (words & (words - 1)) == 0; }
  // The bits for all tokens: 16 for each token, and up to twice as many.
  static std::vector<uint64_t> Build(const Vocabulary& vocabulary);

 private:
  // Another one than the hash table's, so that what collides there does not collide here.
  static constexpr uint64_t kMultiplier = 0xD6E8FEB86659FD93u;

  std::span<const uint64_t> words_;
  int shift_ = 0;  // leaves as many upper bits as number a bit of `words_`
};

}  // namespace minnow
