// SPDX-License-Identifier: Apache-2.0
// Rows of embedding tables as fp32.
#include "nn/embedding_table.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace minnow {
namespace {

// A table is large from this size on. Wider rows than kMaxCopiedRow stay where they are.
constexpr size_t kLargeTableBytes = size_t{32} << 20;
constexpr size_t kMaxCopiedRow = 8192;

template <class T>
T LoadAt(const std::byte* data, size_t index) {
  T value;  // the file promises no alignment
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return value;
}

}  // namespace

size_t EmbeddingTable::RowBytes(TableType type, size_t columns) {
  switch (type) {
    case TableType::kF32:
      return columns * sizeof(float);
    case TableType::kF16:
    case TableType::kBF16:
      return columns * sizeof(uint16_t);
    case TableType::kInt8:
      return columns;
    case TableType::kInt4:
    case TableType::kInt4F16Scales:
      return Int4Groups(columns) * kInt4Group / 2;
  }
  return 0;
}

void EmbeddingTable::ReadLargeFrom(const MappedFile* file) {
  const size_t row = RowBytes(type_, columns_);
  if (file != nullptr && row <= kMaxCopiedRow && rows_ * row >= kLargeTableBytes) file_ = file;
}

const std::byte* EmbeddingTable::Row(size_t row, std::span<std::byte> buffer) const {
  const size_t bytes = RowBytes(type_, columns_);
  const std::byte* in_place = data_ + row * bytes;
  if (file_ == nullptr) return in_place;
  const auto offset = static_cast<uint64_t>(in_place - file_->bytes().data());
  // A file that cannot be read any more is read through its mapping, like any other.
  return file_->ReadAt(offset, buffer.first(bytes)) ? buffer.data() : in_place;
}

void EmbeddingTable::Add(const Kernels& kernels, size_t row, float* out) const {
  CHECK(row < rows_);
  std::byte buffer[kMaxCopiedRow];
  const std::byte* data = Row(row, buffer);
  switch (type_) {
    case TableType::kF32:
      kernels.add_row_f32(reinterpret_cast<const float*>(data), columns_, out);
      return;
    case TableType::kF16:
      for (size_t c = 0; c < columns_; ++c) out[c] += FloatFromF16(LoadAt<uint16_t>(data, c));
      return;
    case TableType::kBF16:
      for (size_t c = 0; c < columns_; ++c) out[c] += FloatFromBF16(LoadAt<uint16_t>(data, c));
      return;
    case TableType::kInt8: {
      const float scale = LoadAt<float>(static_cast<const std::byte*>(scales_), row);
      kernels.add_row_i8(reinterpret_cast<const int8_t*>(data), scale, columns_, out);
      return;
    }
    case TableType::kInt4:
    case TableType::kInt4F16Scales: {
      float scales[kMaxInt4Columns / kInt4Group];
      CHECK(Int4Groups(columns_) <= kMaxInt4Columns / kInt4Group);
      Int4Scales(row, scales);
      kernels.add_row_i4(reinterpret_cast<const uint8_t*>(data), scales, columns_, out);
      return;
    }
  }
}

void EmbeddingTable::Int4Scales(size_t row, float* scales) const {
  const size_t groups = Int4Groups(columns_);
  const std::byte* stored =
      static_cast<const std::byte*>(scales_) + row * ScaleBytes(type_, columns_);
  if (type_ == TableType::kInt4F16Scales) {
    for (size_t g = 0; g < groups; ++g) scales[g] = FloatFromF16(LoadAt<uint16_t>(stored, g));
    return;
  }
  const float row_scale = Int4RowScale(std::to_integer<uint8_t>(stored[0]));
  for (size_t g = 0; g < groups; ++g) {
    const auto pair = std::to_integer<unsigned>(stored[1 + g / 2]);
    scales[g] = Int4GroupScale(row_scale, (g % 2 == 0 ? pair : pair >> 4) & 15u);
  }
}

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
float FloatFromF16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

float FloatFromBF16(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

}  // namespace minnow
