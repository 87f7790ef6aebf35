// SPDX-License-Identifier: Apache-2.0
// Xxh64: the checksum of packed files: XXH64 with seed 0, as `xxhsum -H1` prints it, by libxxhash.
// Finds damage, not forgery.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace minnow {

class Xxh64 {
 public:
  Xxh64();
  void Update(std::span<const std::byte> bytes);
  // The checksum of all bytes so far.
  uint64_t Digest() const;

 private:
  alignas(8) std::array<std::byte, 88> state_;  // libxxhash's, whose header weighs
};

}  // namespace minnow
