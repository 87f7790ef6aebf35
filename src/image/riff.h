// SPDX-License-Identifier: Apache-2.0
// RiffChunks: goes through the chunks of a RIFF file's part, as far as their lengths make sense.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace minnow {

inline constexpr size_t kRiffHeaderBytes = 12;  // "RIFF", a length, "WEBP"

// A number in little-endian order of three or four bytes. REQUIRES: they are there.
inline uint32_t LittleEndian(const std::byte* at, int bytes) {
  uint32_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) value = value << 8 | std::to_integer<uint32_t>(at[i]);
  return value;
}

class RiffChunks {
 public:
  explicit RiffChunks(std::span<const std::byte> chunks) : rest_(chunks) {}

  // Moves to the next chunk; false at the end, or where a chunk goes beyond it.
  bool Next() {
    if (rest_.size() < 8) return false;
    const size_t length = LittleEndian(rest_.data() + 4, 4);
    if (length > rest_.size() - 8) return false;
    type_ = {reinterpret_cast<const char*>(rest_.data()), 4};
    data_ = rest_.subspan(8, length);
    const size_t padded = 8 + length + length % 2;
    rest_ = rest_.subspan(padded < rest_.size() ? padded : rest_.size());
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
