// SPDX-License-Identifier: Apache-2.0
// StreamPipe: the pieces of one answer on their way from any thread to its connection. Internal to
// http/.
//
// Thread-safe. It wakes nobody by itself: who puts something in and gets true from NeedsWaking sees
// to it that the I/O thread looks.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "http/unread_bytes.h"

namespace minnow::http {

class StreamPipe {
 public:
  enum class State {
    kOpen,
    kEnded,      // the body is whole
    kAbandoned,  // no more comes, though it is not
    kOverfull,   // more was put in than may wait
  };
  struct Taken {
    std::string bytes;
    State state = State::kOpen;  // after these bytes
  };

  // limit: of the pieces that wait; 0: that of all streams.
  explicit StreamPipe(std::shared_ptr<UnreadBytes> all, size_t limit = 0)
      : limit_(std::max(limit, all->stream_limit)), share_(std::move(all)) {}

  // False: the pipe is not open, or is overfull now; the piece is lost.
  bool Put(std::string_view piece) noexcept;
  // No more comes: kEnded or kAbandoned. Only an open pipe closes.
  void Close(State state) noexcept;

  // The pieces that wait, joined. They count as held until Release; none where it is overfull.
  Taken Take();
  // What was taken is written.
  void Release();
  bool overfull() const;

  // True once, until Woken: the I/O thread must be told.
  bool NeedsWaking() { return !waking_.exchange(true); }
  void Woken() { waking_.store(false); }

 private:
  const size_t limit_;
  mutable std::mutex mutex_;
  std::string waiting_;       // guarded by mutex_, as all below
  size_t being_written_ = 0;  // bytes
  State state_ = State::kOpen;
  UnreadShare share_;
  std::atomic<bool> waking_{false};
};

}  // namespace minnow::http
