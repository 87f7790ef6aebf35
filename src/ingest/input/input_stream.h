// SPDX-License-Identifier: Apache-2.0
// InputStream: the bytes of a file or pipe behind a window that grows at its end and is consumed at
// its front; as UTF-8, whatever they are encoded in.
//
// One thread. Memory is what the window holds, whatever the size of the input.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ingest/input/encoding.h"

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

  // Finds the encoding (FindEncodingOf) and drops the byte order mark; from then on the window is
  // decoded, with kUndecodable for what is wrong. At most once, before anything else. Fails as Grow
  // does.
  Status BeginText(std::optional<TextEncoding> told = std::nullopt);
  TextEncoding encoding() const { return encoding_; }

  // The line that the window begins in; the first is 1.
  size_t line() const { return line_; }
  const std::string& name() const { return name_; }

  // False when Grow would have to wait for whoever writes our input.
  bool ready() const;

 private:
  InputStream(int descriptor, std::string name, bool owned)
      : descriptor_(descriptor), owned_(owned), name_(std::move(name)) {}
  bool Decode();

  int descriptor_;
  bool owned_;
  std::string name_;
  TextEncoding encoding_ = TextEncoding::kUtf8;
  std::string raw_;  // what is not decoded yet; empty for UTF-8
  std::string buffer_;
  size_t begin_ = 0;  // of the window in buffer_
  size_t line_ = 1;
  bool ended_ = false;
};

}  // namespace minnow
