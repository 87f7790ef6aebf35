// SPDX-License-Identifier: Apache-2.0
// Arena: a stack of buffers for a forward pass, all of one block that is sized before it runs.
//
// An arena without memory plans: it hands out null and counts, so that the pass that computes and
// the pass that plans are the same code, and the plan is exact. Not thread-safe.
#pragma once

#include <cstddef>

#include "base/aligned_buffer.h"

namespace minnow {

class Arena {
 public:
  // Plans.
  Arena() = default;
  // Takes this many bytes at once. May throw std::bad_alloc.
  explicit Arena(size_t bytes) : memory_(bytes), planning_(false) {}

  bool planning() const { return planning_; }
  // Aligned to a cache line; null while planning. CHECKs that the plan was as large.
  std::byte* Take(size_t bytes);
  size_t used() const { return used_; }
  // The most that was in use at once.
  size_t peak() const { return peak_; }
  // What is above `used` is free again.
  void Release(size_t used);

 private:
  AlignedBuffer<std::byte> memory_;
  bool planning_ = true;
  size_t used_ = 0;
  size_t peak_ = 0;
};

// Frees at its end what was taken since it began.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena) : arena_(arena), used_(arena.used()) {}
  ~ArenaScope() { arena_.Release(used_); }
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;

 private:
  Arena& arena_;
  const size_t used_;
};

}  // namespace minnow
