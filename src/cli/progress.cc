// SPDX-License-Identifier: Apache-2.0
// Carriage returns, rates and signals.
#include "cli/progress.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "cli/output.h"

namespace minnow {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(10);
constexpr size_t kBarCells = 24;
constexpr size_t kDefaultColumns = 80;

size_t Columns() {
  winsize size = {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultColumns;
  return size.ws_col;
}

std::string Bar(uint64_t done, uint64_t total) {
  const size_t full = static_cast<size_t>(static_cast<double>(std::min(done, total)) /
                                          static_cast<double>(total) * kBarCells);
  return "[" + std::string(full, '#') + std::string(kBarCells - full, '.') + "] ";
}

// A lock-free atomic may be written in a signal handler.
std::atomic<bool> interrupted{false};

}  // namespace

ProgressBar::ProgressBar(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0) {}

void ProgressBar::Show(const std::string& what, uint64_t done, uint64_t total,
                       const std::string& unit) {
  if (quiet_) return;
  const auto now = Clock::now();
  if (what != what_) {
    what_ = what;
    first_done_ = done;
    begin_ = now;
    last_ = terminal_ ? Clock::time_point() : now;
  }
  const bool due = terminal_ ? now - last_ >= kTerminalInterval : now - last_ >= kLineInterval;
  if (!due) return;
  last_ = now;
  std::string line = what + " " + (terminal_ && total > 0 ? Bar(done, total) : "") +
                     std::to_string(done) + (total > 0 ? " of " + std::to_string(total) : "") +
                     " " + unit + Rate(done, total, unit);
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s", line.substr(0, Columns() - 1).c_str());
    shown_ = true;
  } else {
    PrintError(line);
  }
}

// ", 98/s, 12 s left"; ", 2.31 s/step, 12 s left"
std::string ProgressBar::Rate(uint64_t done, uint64_t total, const std::string& unit) const {
  const double seconds = std::chrono::duration<double>(last_ - begin_).count();
  if (seconds < 0.5 || done <= first_done_) return "";
  const double rate = static_cast<double>(done - first_done_) / seconds;
  char text[64];
  std::snprintf(text, sizeof text, rate < 1 ? ", %.2f s" : ", %.0f", rate < 1 ? 1 / rate : rate);
  std::string all = text;
  all += rate < 1 ? "/" + unit.substr(0, unit.size() - 1) : "/s";
  if (total <= done) return all;
  std::snprintf(text, sizeof text, ", %.0f s left", static_cast<double>(total - done) / rate);
  return all + text;
}

void ProgressBar::Clear() {
  if (!shown_) return;
  std::fputs("\r\033[K", stderr);
  shown_ = false;
  last_ = {};
}

Interruptible::Interruptible() {
  interrupted = false;
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Interruptible::~Interruptible() {
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
}

const std::atomic<bool>& Interruptible::flag() { return interrupted; }

}  // namespace minnow
