// SPDX-License-Identifier: Apache-2.0
#include "cli/ending_signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/check.h"

namespace minnow {

EndingSignals::EndingSignals() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGTERM);
  sigaddset(&set_, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  signals_ = ::signalfd(-1, &set_, SFD_CLOEXEC);
  interrupts_ = ::eventfd(0, EFD_CLOEXEC);
  CHECK(signals_ >= 0 && interrupts_ >= 0);
}

EndingSignals::~EndingSignals() {
  ::close(signals_);
  ::close(interrupts_);
  ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
}

int EndingSignals::Wait() const {
  pollfd ready[2] = {{.fd = signals_, .events = POLLIN, .revents = 0},
                     {.fd = interrupts_, .events = POLLIN, .revents = 0}};
  while (::poll(ready, 2, -1) < 0) CHECK(errno == EINTR);
  if ((ready[0].revents & POLLIN) != 0) {
    signalfd_siginfo info;
    CHECK(::read(signals_, &info, sizeof info) == sizeof info);
    return static_cast<int>(info.ssi_signo);
  }
  uint64_t count = 0;
  CHECK(::read(interrupts_, &count, sizeof count) == sizeof count);
  return 0;
}

void EndingSignals::Interrupt() const {
  const uint64_t one = 1;
  CHECK(::write(interrupts_, &one, sizeof one) == sizeof one);
}

}  // namespace minnow
