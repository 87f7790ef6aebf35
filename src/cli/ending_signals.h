// SPDX-License-Identifier: Apache-2.0
// EndingSignals: SIGTERM and SIGINT as something to wait for, instead of the process's end.
//
// Made before any other thread starts, so that all threads inherit the mask. One thread waits at a
// time; Interrupt may be called from any.
#pragma once

#include <signal.h>

namespace minnow {

class EndingSignals {
 public:
  EndingSignals();
  // The signals end the process again.
  ~EndingSignals();
  EndingSignals(const EndingSignals&) = delete;
  EndingSignals& operator=(const EndingSignals&) = delete;

  // The signal that came; 0: Interrupt was called.
  int Wait() const;
  // Ends this Wait, or the next one.
  void Interrupt() const;

 private:
  sigset_t set_;
  int signals_ = -1;     // a signalfd
  int interrupts_ = -1;  // an eventfd
};

}  // namespace minnow
