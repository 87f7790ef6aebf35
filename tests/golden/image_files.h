// SPDX-License-Identifier: Apache-2.0
// The picture files of the tests: those of tests/golden/image/files, and those of MINNOW_DATA.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "image/image.h"

namespace minnow {

// A path below tests/golden/image.
std::filesystem::path ImageGolden(const std::string& name);

// The bytes of a file by its name in decoded.json; nullopt where the test data has none.
std::optional<std::string> ImageFile(const std::string& name);

// XXH64 of the pixels, as the golden files have it.
std::string HashOf(const Image& image);

inline std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace minnow
