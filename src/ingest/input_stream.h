// SPDX-License-Identifier: Apache-2.0
// InputStream: the bytes of a file or pipe behind a window that grows at its end and is consumed at
// its front.
//
// One thread. Memory is what the window holds, whatever the size of the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace minnow {

class InputStream {
 public:
  // Opens a regular file; never waits, as opening a pipe would. Fails with kNotFound,
  // kInvalidArgument (not a regular file) or kInternal, naming the path.
  static Result<InputStream> OpenFile(const std::string& path);
  // Reads a descriptor of the caller's, which stays open; `name` stands for it in messages.
  InputStream(int descriptor, std::string name);

  InputStream(InputStream&& other) noexcept;
  InputStream& operator=(InputStream&&) = delete;
  ~InputStream();

  // What was read and not consumed yet; valid until the next call.
  std::string_view window() const { return std::string_view(buffer_).substr(begin_); }
  // Reads more behind the window; false at the end of the input. Fails with kInternal.
  Result<bool> Grow();
  // Drops the first `bytes` of the window. REQUIRES: bytes <= window().size()
  void Consume(size_t bytes);

  // Drops the byte order mark that some programs put before UTF-8. Fails as Grow does.
  Status SkipByteOrderMark();

  // The line that the window begins in; the first is 1.
  size_t line() const { return line_; }
  // Of the input, so far.
  uint64_t consumed_bytes() const { return consumed_bytes_; }
  const std::string& name() const { return name_; }

  // False when Grow would have to wait for whoever writes our input.
  bool ready() const;

 private:
  InputStream(int descriptor, std::string name, bool owned)
      : descriptor_(descriptor), owned_(owned), name_(std::move(name)) {}

  int descriptor_;
  bool owned_;
  std::string name_;
  std::string buffer_;
  size_t begin_ = 0;  // of the window in buffer_
  size_t line_ = 1;
  uint64_t consumed_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace minnow
