// SPDX-License-Identifier: Apache-2.0
// PngChunks: goes through the chunks of a PNG file, as far as their lengths make sense. Checksums
// are not looked at: libpng does that for what becomes pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace minnow {

inline constexpr size_t kPngSignatureBytes = 8;
inline constexpr size_t kPngChunkFrameBytes = 12;  // length, type and checksum

// A number in network order. REQUIRES: four bytes at `at`.
inline uint32_t BigEndian32(const std::byte* at) {
  const auto byte = [at](int i) { return std::to_integer<uint32_t>(at[i]); };
  return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

class PngChunks {
 public:
  explicit PngChunks(std::span<const std::byte> file)
      : rest_(file.subspan(file.size() < kPngSignatureBytes ? file.size() : kPngSignatureBytes)) {}

  // Moves to the next chunk; false at the end, or where a chunk goes beyond the file.
  bool Next() {
    if (rest_.size() < kPngChunkFrameBytes) return false;
    const size_t length = BigEndian32(rest_.data());
    if (length > rest_.size() - kPngChunkFrameBytes) return false;
    type_ = {reinterpret_cast<const char*>(rest_.data()) + 4, 4};
    data_ = rest_.subspan(8, length);
    rest_ = rest_.subspan(kPngChunkFrameBytes + length);
    return true;
  }
  std::string_view type() const { return type_; }
  std::span<const std::byte> data() const { return data_; }

 private:
  std::span<const std::byte> rest_;
  std::string_view type_;
  std::span<const std::byte> data_;
};

}  // namespace minnow
