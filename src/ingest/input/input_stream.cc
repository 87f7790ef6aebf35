// SPDX-License-Identifier: Apache-2.0
// read(2) behind a window.
#include "ingest/input/input_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/system_error.h"

namespace minnow {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
// Larger pieces for records that are long already.
constexpr size_t kMaxReadBytes = 1024 * 1024;

// Whether more bytes may make it a byte order mark.
bool MayBeMark(std::string_view beginning) {
  return beginning.empty() || beginning == "\xFE" || beginning == "\xFF" ||
         (beginning.size() < 3 && beginning.starts_with("\xEF"));
}

}  // namespace

Result<InputStream> InputStream::OpenFile(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return SystemError(path, "cannot open");
  InputStream stream(descriptor, path, /*owned=*/true);
  struct stat info = {};
  if (::fstat(descriptor, &info) != 0) return SystemError(path, "cannot stat");
  if (!S_ISREG(info.st_mode)) return Error{Code::kInvalidArgument, path + ": not a regular file"};
  return stream;
}

InputStream::InputStream(int descriptor, std::string name)
    : InputStream(descriptor, std::move(name), /*owned=*/false) {}

InputStream::InputStream(InputStream&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      owned_(std::exchange(other.owned_, false)),
      name_(std::move(other.name_)),
      encoding_(other.encoding_),
      raw_(std::move(other.raw_)),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      line_(other.line_),
      ended_(other.ended_) {}

InputStream::~InputStream() {
  if (owned_) ::close(descriptor_);
}

Result<bool> InputStream::Grow() {
  if (ended_) return false;
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t wanted = std::clamp(buffer_.size(), kReadBytes, kMaxReadBytes);
  std::string& target = encoding_ == TextEncoding::kUtf8 ? buffer_ : raw_;
  const size_t used = target.size();
  target.resize(used + wanted);
  ssize_t count = 0;
  do {
    count = ::read(descriptor_, target.data() + used, wanted);
  } while (count < 0 && errno == EINTR);
  target.resize(used + static_cast<size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0) return SystemError(name_, "cannot read");
  ended_ = count == 0;
  return Decode() || !ended_;
}

// Whether there was anything to decode.
bool InputStream::Decode() {
  if (raw_.empty()) return false;
  raw_.erase(0, DecodeText(encoding_, raw_, ended_, &buffer_));
  return true;
}

Status InputStream::BeginText(std::optional<TextEncoding> told) {
  while (MayBeMark(window())) {
    MINNOW_ASSIGN_OR_RETURN(const bool more, Grow());
    if (!more) break;
  }
  const EncodedBeginning beginning = FindEncodingOf(window(), told);
  encoding_ = beginning.encoding;
  buffer_.erase(0, beginning.mark_bytes);
  if (encoding_ != TextEncoding::kUtf8) raw_ = std::exchange(buffer_, {});
  Decode();
  return {};
}

void InputStream::Consume(size_t bytes) {
  CHECK(bytes <= buffer_.size() - begin_);
  const auto from = buffer_.begin() + static_cast<ptrdiff_t>(begin_);
  line_ += static_cast<size_t>(std::count(from, from + static_cast<ptrdiff_t>(bytes), '\n'));
  begin_ += bytes;
}

bool InputStream::ready() const {
  if (ended_) return true;
  pollfd waited{descriptor_, POLLIN, 0};
  return ::poll(&waited, 1, 0) != 0;
}

}  // namespace minnow
