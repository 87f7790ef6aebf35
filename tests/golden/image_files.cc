// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/image_files.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "formats/xxh64.h"

namespace minnow {

std::filesystem::path ImageGolden(const std::string& name) {
  return std::filesystem::path(MINNOW_SOURCE_DIR) / "tests/golden/image" / name;
}

std::optional<std::string> ImageFile(const std::string& name) {
  const char* data = std::getenv("MINNOW_DATA");
  const std::filesystem::path folder = data ? data : "../shared/data";
  std::ifstream in(name.starts_with("files/") ? ImageGolden(name) : folder / name,
                   std::ios::binary);
  if (!in) return std::nullopt;
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

std::string HashOf(const Image& image) {
  Xxh64 hash;
  hash.Update(std::as_bytes(std::span(image.pixels)));
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash.Digest()));
  return digits;
}

}  // namespace minnow
