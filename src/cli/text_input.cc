// SPDX-License-Identifier: Apache-2.0
// Lines out of read(2), and JSON strings out of lines.
#include "cli/text_input.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kLineLimitBytes = size_t{64} << 20;

}  // namespace

TextInput::TextInput(std::vector<std::string> arguments, bool json, int descriptor)
    : arguments_(std::move(arguments)), json_(json), descriptor_(descriptor) {}

std::string TextInput::Where() const {
  return (arguments_.empty() ? "line " : "argument ") + std::to_string(texts_);
}

Result<std::optional<std::string_view>> TextInput::Next() {
  std::optional<std::string_view> text;
  if (arguments_.empty()) {
    MINNOW_ASSIGN_OR_RETURN(text, NextLine());
  } else if (texts_ < arguments_.size()) {
    text = arguments_[texts_];
  }
  if (!text) return text;
  ++texts_;
  if (!json_) return text;
  MINNOW_ASSIGN_OR_RETURN(text, ParseJson(*text));
  return text;
}

Result<std::string_view> TextInput::ParseJson(std::string_view text) {
  Result<JsonDocument> document = JsonDocument::Parse(text, Where());
  if (!document.ok()) return Error{Code::kInvalidArgument, document.error().message};
  MINNOW_ASSIGN_OR_RETURN(const std::string_view parsed, document->root().String());
  json_text_ = parsed;
  return std::string_view(json_text_);
}

Result<std::optional<std::string_view>> TextInput::NextLine() {
  size_t searched = begin_;
  while (true) {
    const size_t end = buffer_.find('\n', searched);
    const bool last = end == std::string::npos;
    if (last && !end_of_input_) {
      if (buffer_.size() - begin_ > kLineLimitBytes) {
        return Error{Code::kInvalidArgument, "line " + std::to_string(texts_ + 1) +
                                                 ": longer than " +
                                                 std::to_string(kLineLimitBytes) + " bytes"};
      }
      searched = buffer_.size() - begin_;
      MINNOW_RETURN_IF_ERROR(Refill());
      continue;
    }
    if (last && begin_ == buffer_.size()) return std::optional<std::string_view>();
    std::string_view line(buffer_.data() + begin_, (last ? buffer_.size() : end) - begin_);
    begin_ = last ? buffer_.size() : end + 1;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return std::optional<std::string_view>(line);
  }
}

// Moves what is left to the front of the buffer and reads more behind it.
Status TextInput::Refill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t used = buffer_.size();
  buffer_.resize(used + kReadBytes);
  ssize_t count = 0;
  do {
    count = ::read(descriptor_, buffer_.data() + used, kReadBytes);
  } while (count < 0 && errno == EINTR);
  buffer_.resize(used + static_cast<size_t>(count > 0 ? count : 0));
  if (count < 0)
    return Error{Code::kInternal, std::string("standard input: ") + std::strerror(errno)};
  if (count == 0) end_of_input_ = true;
  return {};
}

bool TextInput::ready() const {
  if (!arguments_.empty() || end_of_input_) return true;
  if (buffer_.find('\n', begin_) != std::string::npos) return true;
  pollfd waited{descriptor_, POLLIN, 0};
  return ::poll(&waited, 1, 0) != 0;
}

}  // namespace minnow
