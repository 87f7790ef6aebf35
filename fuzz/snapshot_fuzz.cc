// SPDX-License-Identifier: Apache-2.0
// Any bytes as the manifest of a snapshot: what is taken names no file outside of its folder, and
// reads back as it was written.
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "base/check.h"
#include "formats/xxh64.h"
#include "index/snapshot/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  // The fuzzer cannot find the checksum by itself.
  if (text.size() >= 28 && text.starts_with("{\"xxh64\":\"")) {
    minnow::Xxh64 checksum;
    checksum.Update(std::as_bytes(std::span(text)).subspan(28));
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016" PRIx64, checksum.Digest());
    text.replace(10, 16, digits);
  }
  const auto manifest = minnow::ParseManifest(text, "m");
  if (!manifest.ok()) return 0;
  for (const minnow::SnapshotFile& file : manifest->files) {
    CHECK(file.name.find('/') == std::string::npos && !file.name.starts_with('.'));
    CHECK(minnow::GenerationOfName(file.name) == manifest->generation);
  }
  const std::string written = minnow::WriteManifest(*manifest);
  const auto again = minnow::ParseManifest(written, "m");
  CHECK(again.ok() && minnow::WriteManifest(*again) == written);
  return 0;
}
