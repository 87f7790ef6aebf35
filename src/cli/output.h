// SPDX-License-Identifier: Apache-2.0
// Output: what a subcommand prints on standard output; and the form of its errors.
//
// One thread. Bytes are collected and written in large pieces. A reader that has left (EPIPE) ends
// the work quietly; any other failure (disk full, closed descriptor) is kept and given by Finish.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace minnow {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

class Output {
 public:
  explicit Output(int descriptor = 1) : descriptor_(descriptor) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Write(std::string_view bytes);
  // Hands over what is collected, for readers that wait for it.
  void Flush();
  // False once a write has failed or the reader has left: more work is for nobody.
  bool wanted() const { return error_number_ == 0; }

  // Flushes; call it last. Fails with kInternal when something did not reach its place.
  Status Finish();

 private:
  const int descriptor_;
  int error_number_ = 0;
  std::string pending_;
};

// Prints "minnow: message" on standard error and returns kExitFailed.
int Fail(const Error& error);
// kExitDone, or as Fail.
int ExitCode(const Status& status);
// "12.3 MB", of 10^6 bytes.
std::string Megabytes(uint64_t bytes);
// "1 document", "2 documents".
std::string Plural(uint64_t count, const std::string& noun);

// A character that a terminal may take for a command: C0, DEL, C1.
bool IsControl(char32_t c);
// With control characters but tabs written out: names of files may hold what a terminal obeys, and
// line breaks.
std::string ForTerminal(std::string_view text);
// Prints "minnow: message" on standard error, for a terminal.
void PrintError(std::string_view message);

// Refuses `output` where it is the same file as `input`, also by way of links: what is read would
// be gone. `what` says what the input is: "the model itself". OK where one of them is not there.
Status RefuseSameFile(const std::string& output, const std::string& input, const char* what);

}  // namespace minnow
