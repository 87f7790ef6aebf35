// SPDX-License-Identifier: Apache-2.0
// ItemMemory: which items of a queue get memory (Job::item_bytes), and which wait for it.
//
// Items leave a reserve of the limit to what requests hold themselves, so that full caches refuse
// nobody. Small items have half of the reserve, and need not wait behind large ones. Not
// thread-safe: the engine's lock guards it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "engine/admission.h"

namespace minnow {

// What large items leave: a sixteenth of the limit, and no more than 64 MiB.
constexpr size_t ItemReserve(size_t limit) { return std::min(limit / 16, size_t{64} << 20); }
constexpr bool IsSmallItem(size_t bytes, size_t limit) { return bytes <= ItemReserve(limit) / 8; }

class ItemMemory {
 public:
  // limit: of the budget that `admission` takes from, which outlives it; null: all have memory.
  ItemMemory(Admission* admission, size_t limit) : admission_(admission), limit_(limit) {}

  // False: there is none now, or others have waited for some before it. What was taken is given
  // back by Admission's Correct or Release, and by GiveSmall.
  bool Take(size_t bytes, bool others_wait);
  bool IsSmall(size_t bytes) const { return IsSmallItem(bytes, limit_); }
  void GiveSmall(size_t bytes) { small_bytes_ -= bytes; }
  Error InVain(size_t bytes) const { return admission_->InVain(bytes); }

 private:
  Admission* const admission_;
  const size_t limit_;
  size_t small_bytes_ = 0;  // of small items
};

}  // namespace minnow
