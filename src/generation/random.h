// SPDX-License-Identifier: Apache-2.0
// A seeded generator of random numbers: the same seed gives the same numbers on every machine.
#pragma once

#include <cstdint>

namespace minnow {

// SplitMix64. Small, so that each sequence of a request has one of its own and what is drawn does
// not depend on what else runs.
class RandomGenerator {
 public:
  // Of one seed, each stream has numbers of its own.
  RandomGenerator(uint64_t seed, uint64_t stream) : state_(Mixed(Mixed(seed) + stream)) {}

  uint64_t Next() {
    state_ += kStep;
    return Mixed(state_);
  }
  // In (0, 1).
  double Uniform() { return (static_cast<double>(Next() >> 12) + 0.5) * 0x1p-52; }

 private:
  static constexpr uint64_t kStep = 0x9E3779B97F4A7C15u;
  static uint64_t Mixed(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  }

  uint64_t state_;
};

}  // namespace minnow
