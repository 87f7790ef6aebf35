// SPDX-License-Identifier: Apache-2.0
#include "cli/image/size_option.h"

#include <charconv>

#include "cli/command_line/command.h"

namespace minnow {

PictureSize ParsePictureSize(const std::string& text) {
  PictureSize size;
  const char* const end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, size.width);
  if (width.ec == std::errc() && width.ptr != end && *width.ptr == 'x') {
    const auto height = std::from_chars(width.ptr + 1, end, size.height);
    if (height.ec == std::errc() && height.ptr == end && size.width > 0 && size.height > 0)
      return size;
  }
  RefuseArgument("--size", "expected WIDTHxHEIGHT, as in 512x384");
}

}  // namespace minnow
