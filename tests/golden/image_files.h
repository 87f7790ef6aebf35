// SPDX-License-Identifier: Apache-2.0
// The picture files of the tests: those of tests/golden/image/files, and those of MINNOW_DATA.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>

#include "formats/xxh64.h"
#include "image/image.h"

namespace minnow {

inline std::filesystem::path ImageGolden(const std::string& name) {
  return std::filesystem::path(MINNOW_SOURCE_DIR) / "tests/golden/image" / name;
}

// The bytes of a file by its name in decoded.json; nullopt where the test data has none.
inline std::optional<std::string> ImageFile(const std::string& name) {
  const char* data = std::getenv("MINNOW_DATA");
  const std::filesystem::path path =
      name.starts_with("files/") ? ImageGolden(name)
                                 : std::filesystem::path(data ? data : "../shared/data") / name;
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

inline std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// As the golden files have it.
inline std::string HashOf(const Image& image) {
  Xxh64 hash;
  hash.Update(std::as_bytes(std::span(image.pixels)));
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash.Digest()));
  return digits;
}

}  // namespace minnow
