// SPDX-License-Identifier: Apache-2.0
// EXIF, as far as pictures need it: the orientation, and the comment that holds generation
// parameters. A block is what begins with the byte order, "II" or "MM"; any bytes may be given.
// Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace minnow {

// 1 to 8; 1 where the block has none or makes no sense.
int ExifOrientation(std::span<const std::byte> block);

// UserComment in UTF-8: written as ASCII, UTF-16 in either byte order, or without a name of its
// encoding. Empty where there is none.
std::string ExifUserComment(std::span<const std::byte> block);

// A block with a UserComment in UTF-16. REQUIRES: `text` is well-formed UTF-8.
std::string MakeExif(std::string_view text);

}  // namespace minnow
