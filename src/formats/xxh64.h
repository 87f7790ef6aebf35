// SPDX-License-Identifier: Apache-2.0
// Xxh64: the checksum of packed files: XXH64 with seed 0, as `xxhsum -H1` prints it. Finds damage,
// not forgery.
//
// After the specification:
// https://github.com/Cyan4973/xxHash/blob/v0.8.2/doc/xxhash_spec.md#xxh64-algorithm-description
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace minnow {

class Xxh64 {
 public:
  void Update(std::span<const std::byte> bytes);
  // The checksum of all bytes so far.
  uint64_t Digest() const;

 private:
  static constexpr size_t kStripe = 32;
  void Stripe(const std::byte* bytes);

  std::array<uint64_t, 4> lanes_ = {0x60EA27EEADC0B5D6u, 0xC2B2AE3D27D4EB4Fu, 0,
                                    0x61C8864E7A143579u};
  std::array<std::byte, kStripe> pending_;  // less than a stripe
  size_t pending_bytes_ = 0;
  uint64_t total_bytes_ = 0;
};

}  // namespace minnow
