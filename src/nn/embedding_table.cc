// SPDX-License-Identifier: Apache-2.0
// Rows of embedding tables as fp32.
#include "nn/embedding_table.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace minnow {
namespace {

template <class T>
T LoadAt(const std::byte* data, size_t index) {
  T value;  // the file promises no alignment
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return value;
}

template <class Apply>
void ForEach(const std::byte* data, TableType type, size_t begin, size_t columns,
             const Apply& apply) {
  switch (type) {
    case TableType::kF32:
      for (size_t c = 0; c < columns; ++c) apply(c, LoadAt<float>(data, begin + c));
      return;
    case TableType::kF16:
      for (size_t c = 0; c < columns; ++c)
        apply(c, FloatFromF16(LoadAt<uint16_t>(data, begin + c)));
      return;
    case TableType::kBF16:
      for (size_t c = 0; c < columns; ++c)
        apply(c, FloatFromBF16(LoadAt<uint16_t>(data, begin + c)));
      return;
  }
}

}  // namespace

void EmbeddingTable::Copy(size_t row, float* out) const {
  CHECK(row < rows_);
  ForEach(data_, type_, row * columns_, columns_, [out](size_t c, float value) { out[c] = value; });
}

void EmbeddingTable::Add(size_t row, float* out) const {
  CHECK(row < rows_);
  ForEach(data_, type_, row * columns_, columns_,
          [out](size_t c, float value) { out[c] += value; });
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
