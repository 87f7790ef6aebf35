// SPDX-License-Identifier: Apache-2.0
#include "engine/item_memory.h"

namespace minnow {

bool ItemMemory::Take(size_t bytes, bool others_wait) {
  if (admission_ == nullptr) return true;
  const size_t for_small = ItemReserve(limit_) / 2;
  const bool small = IsSmall(bytes);
  if (small && small_bytes_ + bytes <= for_small) {
    if (!admission_->TakeMore(bytes)) return false;
  } else {
    // Small items that use the reserve make it no longer for large ones.
    const size_t spare = ItemReserve(limit_) - std::min(small_bytes_, for_small);
    if (others_wait || bytes > SIZE_MAX - spare) return false;
    if (!admission_->TakeMore(bytes + spare)) return false;
    admission_->Correct({.bytes = spare}, {.bytes = 0});
  }
  if (small) small_bytes_ += bytes;
  return true;
}

}  // namespace minnow
