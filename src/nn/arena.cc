// SPDX-License-Identifier: Apache-2.0
#include "nn/arena.h"

#include <algorithm>

#include "base/check.h"

namespace minnow {
namespace {
constexpr size_t kLineBytes = 64;
}  // namespace

std::byte* Arena::Take(size_t bytes) {
  const size_t at = used_;
  used_ += (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
  peak_ = std::max(peak_, used_);
  if (planning_) return nullptr;
  CHECK(used_ <= memory_.size());
  return memory_.data() + at;
}

void Arena::Release(size_t used) {
  CHECK(used <= used_);
  used_ = used;
}

}  // namespace minnow
