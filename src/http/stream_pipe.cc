// SPDX-License-Identifier: Apache-2.0
#include "http/stream_pipe.h"

#include <algorithm>
#include <new>
#include <utility>

namespace minnow::http {

bool StreamPipe::Put(std::string_view piece) noexcept {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kOpen) return false;
  const size_t held = being_written_ + waiting_.size();
  const bool fits = piece.size() <= limit_ - std::min(limit_, held);
  try {
    if (fits && share_.Resize(held + piece.size()) == UnreadShare::Verdict::kTaken) {
      waiting_ += piece;
      return true;
    }
  } catch (const std::bad_alloc&) {
    // As if the limit were reached.
  }
  state_ = State::kOverfull;
  waiting_ = std::string();
  (void)share_.Resize(being_written_);
  return false;
}

void StreamPipe::Close(State state) noexcept {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kOpen) state_ = state;
}

StreamPipe::Taken StreamPipe::Take() {
  const std::lock_guard lock(mutex_);
  being_written_ += waiting_.size();
  return {std::exchange(waiting_, {}), state_};
}

void StreamPipe::Release() {
  const std::lock_guard lock(mutex_);
  being_written_ = 0;
  (void)share_.Resize(waiting_.size());
}

bool StreamPipe::overfull() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kOverfull;
}

}  // namespace minnow::http
