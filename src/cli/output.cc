// SPDX-License-Identifier: Apache-2.0
// write(2) with retries, and errors on standard error.
#include "cli/output.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "text/unicode.h"

namespace minnow {
namespace {
constexpr size_t kPieceBytes = 64 * 1024;
}  // namespace

void Output::Write(std::string_view bytes) {
  if (!wanted()) return;
  pending_.append(bytes);
  if (pending_.size() >= kPieceBytes) Flush();
}

void Output::Flush() {
  std::string_view rest = pending_;
  while (!rest.empty() && wanted()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      error_number_ = errno;
    }
  }
  pending_.clear();
}

Status Output::Finish() {
  Flush();
  if (error_number_ == 0 || error_number_ == EPIPE) return {};
  return Error{Code::kInternal, std::string("standard output: ") + std::strerror(error_number_)};
}

bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

std::string ForTerminal(std::string_view text) {
  const std::string repaired = RepairUtf8(text);
  std::string shown;
  for (const char* p = repaired.data(); p < repaired.data() + repaired.size();) {
    const char* const begin = p;
    const char32_t c = NextCodePoint(p);
    if (!IsControl(c) || c == '\t') {
      shown.append(begin, p);
      continue;
    }
    char escape[16];
    std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(c));
    shown += escape;
  }
  return shown;
}

void PrintError(std::string_view message) {
  std::fprintf(stderr, "minnow: %s\n", ForTerminal(message).c_str());
}

int Fail(const Error& error) {
  PrintError(error.message);
  return kExitFailed;
}

std::string Megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string Plural(uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

int ExitCode(const Status& status) { return status.ok() ? kExitDone : Fail(status.error()); }

Status RefuseSameFile(const std::string& output, const std::string& input, const char* what) {
  struct stat there;
  struct stat own;
  if (::stat(output.c_str(), &there) != 0 || ::stat(input.c_str(), &own) != 0) return {};
  if (there.st_dev != own.st_dev || there.st_ino != own.st_ino) return {};
  return Error{Code::kInvalidArgument, output + ": is " + what + "; choose another --output"};
}

}  // namespace minnow
