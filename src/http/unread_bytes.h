// SPDX-License-Identifier: Apache-2.0
// UnreadBytes: what the answers of one server hold until their clients have read them. Internal to
// http/.
//
// UnreadBytes: any thread. UnreadShare: what one answer has of it, one thread at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/memory_budget.h"

namespace minnow::http {

struct UnreadBytes {
  size_t limit = 0;         // of all answers; what threads take at the same moment may pass it
  size_t stream_limit = 0;  // of one answer that comes in pieces
  std::shared_ptr<MemoryBudget> memory;  // what large ones take from; null: nothing
  std::atomic<size_t> used{0};
};

class UnreadShare {
 public:
  enum class Verdict { kTaken, kTooMany, kMemoryFull };
  // What is always given: probes, and what was written already. So many of them as there may be
  // connections are still few.
  static constexpr size_t kSmallBytes = 64 * 1024;

  explicit UnreadShare(std::shared_ptr<UnreadBytes> all) : all_(std::move(all)) {}
  ~UnreadShare() { (void)Resize(0); }
  UnreadShare(const UnreadShare&) = delete;
  UnreadShare& operator=(const UnreadShare&) = delete;

  // Holds `bytes` from now on, or as much as before where the verdict is a refusal. Less is always
  // given, and any size where no other answer holds something.
  Verdict Resize(size_t bytes) {
    const size_t others = all_->used.load(std::memory_order_relaxed) - bytes_;
    const bool large = bytes > kSmallBytes;
    if (large && bytes > bytes_ && others > 0 && others + bytes > all_->limit) {
      return Verdict::kTooMany;
    }
    if (!Count(large ? bytes : 0, /*anyway=*/others == 0)) return Verdict::kMemoryFull;
    all_->used.fetch_add(bytes - bytes_, std::memory_order_relaxed);  // modulo 2^64
    bytes_ = bytes;
    return Verdict::kTaken;
  }

 private:
  // Makes `bytes` what is counted as memory. False: there is not so much.
  bool Count(size_t bytes, bool anyway) {
    MemoryBudget* const memory = all_->memory.get();
    if (memory == nullptr) return true;
    if (bytes < counted_) memory->Give(counted_ - bytes);
    if (bytes > counted_) {
      if (anyway) {
        memory->TakeAnyway(bytes - counted_);
      } else if (!memory->Take(bytes - counted_)) {
        return false;
      }
    }
    counted_ = bytes;
    return true;
  }

  const std::shared_ptr<UnreadBytes> all_;
  size_t bytes_ = 0;
  size_t counted_ = 0;  // of these, in the memory budget
};

}  // namespace minnow::http
