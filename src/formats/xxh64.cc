// SPDX-License-Identifier: Apache-2.0
// The library's functions, compiled in place.
#include "formats/xxh64.h"

#define XXH_INLINE_ALL
#define XXH_NO_XXH3
#include <xxhash.h>

#include <new>

namespace minnow {

static_assert(sizeof(XXH64_state_t) <= sizeof(Xxh64) && alignof(XXH64_state_t) <= alignof(Xxh64));

Xxh64::Xxh64() { XXH64_reset(new (state_.data()) XXH64_state_t, /*seed=*/0); }

void Xxh64::Update(std::span<const std::byte> bytes) {
  XXH64_update(reinterpret_cast<XXH64_state_t*>(state_.data()), bytes.data(), bytes.size());
}

uint64_t Xxh64::Digest() const {
  return XXH64_digest(reinterpret_cast<const XXH64_state_t*>(state_.data()));
}

}  // namespace minnow
