// SPDX-License-Identifier: Apache-2.0
// MemoryBudget: one ceiling for the memory of models and of what requests hold. Whoever takes it
// counts what it takes; nothing is allocated here.
//
// Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace minnow {

class MemoryBudget {
 public:
  static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

  explicit MemoryBudget(size_t limit_bytes = kNoLimit) : limit_(limit_bytes) {}

  // False: it would pass the limit, and nothing was taken.
  bool Take(size_t bytes) {
    const size_t most = limit_ - std::min(limit_, held_.load(std::memory_order_relaxed));
    size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used > most || bytes > most - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  // The same for what is given back only when a model goes.
  bool TakeLasting(size_t bytes) {
    if (!Take(bytes)) return false;
    lasting_.fetch_add(bytes, std::memory_order_relaxed);
    return true;
  }
  void GiveLasting(size_t bytes) {
    lasting_.fetch_sub(bytes, std::memory_order_relaxed);
    Give(bytes);
  }
  // False: as long as the models stay there will be no room for so much.
  bool MayHold(size_t bytes) const {
    const size_t lasting =
        held_.load(std::memory_order_relaxed) + lasting_.load(std::memory_order_relaxed);
    return bytes <= limit_ - std::min(limit_, lasting);
  }
  // Takes what is already there, whatever the limit.
  void TakeAnyway(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void Give(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  // What the process holds for good, beside what is taken.
  void SetHeld(size_t bytes) { held_.store(bytes, std::memory_order_relaxed); }

  size_t used() const {
    return held_.load(std::memory_order_relaxed) + used_.load(std::memory_order_relaxed);
  }
  size_t limit() const { return limit_; }

 private:
  const size_t limit_;
  std::atomic<size_t> held_{0};
  std::atomic<size_t> used_{0};
  std::atomic<size_t> lasting_{0};  // of used_
};

// What somebody has of a budget, given back when it goes. One thread at a time.
class MemoryShare {
 public:
  // Null: there is no limit.
  explicit MemoryShare(std::shared_ptr<MemoryBudget> budget = nullptr)
      : budget_(std::move(budget)) {}
  MemoryShare(MemoryShare&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryShare& operator=(MemoryShare&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MemoryShare() {
    if (budget_ != nullptr) budget_->Give(bytes_);
  }

  // As MemoryBudget's.
  bool Take(size_t bytes) {
    if (budget_ != nullptr && !budget_->Take(bytes)) return false;
    bytes_ += bytes;
    return true;
  }
  void TakeAnyway(size_t bytes) {
    if (budget_ != nullptr) budget_->TakeAnyway(bytes);
    bytes_ += bytes;
  }
  size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<MemoryBudget> budget_;
  size_t bytes_ = 0;
};

// "400M", "2G", "512k", "1073741824": bytes, with suffixes that stand for powers of 1,024.
// kInvalidArgument: it is none, or 0.
Result<size_t> ParseByteSize(std::string_view text);

}  // namespace minnow
