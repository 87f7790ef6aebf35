// SPDX-License-Identifier: Apache-2.0
// ProgressBar: how far long work is, on standard error: a bar that moves on a terminal, now and
// then a line elsewhere.
//
// One thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace minnow {

class ProgressBar {
 public:
  // `quiet`: shows nothing.
  explicit ProgressBar(bool quiet);
  ~ProgressBar() { Clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // "reading", 300, 780, "files". total == 0: not known. May be called as often as one likes.
  void Show(const std::string& what, uint64_t done, uint64_t total, const std::string& unit);
  // Takes the bar off the terminal, so that a line can be printed.
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string Rate(uint64_t done, uint64_t total, const std::string& unit) const;

  const bool quiet_;
  const bool terminal_;
  bool shown_ = false;
  std::string what_;
  uint64_t first_done_ = 0;
  Clock::time_point begin_;  // of `what_`
  Clock::time_point last_;
};

// Ctrl-C and SIGTERM asked to end in good order: while an object lives, the first of them is only
// noted; the next ends the program at once. One object at a time.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

  static bool requested() { return flag(); }
  static const std::atomic<bool>& flag();
};

}  // namespace minnow
