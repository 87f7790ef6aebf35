// SPDX-License-Identifier: Apache-2.0
// The reference of the lower precisions: plain loops over the same layouts.
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kScalarInt8;
extern const PackedKernels kScalarBf16;
void ActivateScalar(float* y, size_t n, MatmulActivation activation);
namespace {

void Finish(const PackedMatmul* m, size_t t, size_t n, double sum) {
  float value = static_cast<float>(sum);
  ActivateScalar(&value, 1, m->activation);
  if (m->residual != nullptr) value += m->residual[t * m->residual_stride + n];
  m->y[t * m->y_stride + n] = value;
}

// --- int8 ---

size_t Int8RowBytes(size_t inner) { return (inner + 63) / 64 * 64; }

void QuantizeInt8Rows(const float* x, size_t x_stride, size_t rows, size_t inner,
                      const float* multiplier, void* out, size_t out_stride_bytes, float* scale,
                      float* offset) {
  for (size_t t = 0; t < rows; ++t) {
    const float* row = x + t * x_stride;
    unsigned char* to = static_cast<unsigned char*>(out) + t * out_stride_bytes;
    float low = row[0] * multiplier[0], high = low;
    for (size_t k = 1; k < inner; ++k) {
      low = fminf(low, row[k] * multiplier[k]);
      high = fmaxf(high, row[k] * multiplier[k]);
    }
    scale[t] = (high - low) / 255.0f;
    offset[t] = low;
    const float inverse = high > low ? 255.0f / (high - low) : 0.0f;
    for (size_t k = 0; k < inner; ++k)
      to[k] = static_cast<unsigned char>(lrintf((row[k] * multiplier[k] - low) * inverse));
  }
}

void MatmulInt8(const PackedMatmul* m) {
  const size_t words = (m->inner + 3) / 4;
  for (size_t t = 0; t < m->rows; ++t) {
    const unsigned char* x = static_cast<const unsigned char*>(m->x) + t * m->x_stride_bytes;
    for (size_t n = 0; n < m->columns; ++n) {
      const int8_t* w = static_cast<const int8_t*>(m->w) +
                        (n / kPanelColumns * words * kPanelColumns + n % kPanelColumns) * 4;
      int32_t sum = 0;
      for (size_t k = 0; k < m->inner; ++k) sum += x[k] * w[k / 4 * kPanelColumns * 4 + k % 4];
      Finish(m, t, n,
             static_cast<double>(m->x_scale[t]) * m->w_scale[n] * sum +
                 static_cast<double>(m->x_offset[t]) * m->w_sum[n] + m->bias[n]);
    }
  }
}

// --- bf16 ---

size_t Bf16RowBytes(size_t inner) { return (inner * 2 + 63) / 64 * 64; }

float FromBf16(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

void RoundBf16Rows(const float* x, size_t x_stride, size_t rows, size_t inner, const float*,
                   void* out, size_t out_stride_bytes, float*, float*) {
  for (size_t t = 0; t < rows; ++t) {
    uint16_t* to = reinterpret_cast<uint16_t*>(static_cast<char*>(out) + t * out_stride_bytes);
    for (size_t k = 0; k < inner; ++k) {
      uint32_t bits;
      memcpy(&bits, x + t * x_stride + k, sizeof bits);
      to[k] = static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
    }
  }
}

void MatmulBf16(const PackedMatmul* m) {
  const size_t words = (m->inner + 1) / 2;
  for (size_t t = 0; t < m->rows; ++t) {
    const uint16_t* x =
        reinterpret_cast<const uint16_t*>(static_cast<const char*>(m->x) + t * m->x_stride_bytes);
    for (size_t n = 0; n < m->columns; ++n) {
      const uint16_t* w = static_cast<const uint16_t*>(m->w) +
                          (n / kPanelColumns * words * kPanelColumns + n % kPanelColumns) * 2;
      double sum = m->bias[n];
      for (size_t k = 0; k < m->inner; ++k) {
        sum += static_cast<double>(FromBf16(x[k])) * FromBf16(w[k / 2 * kPanelColumns * 2 + k % 2]);
      }
      Finish(m, t, n, sum);
    }
  }
}

}  // namespace

const PackedKernels kScalarInt8 = {"scalar", Int8RowBytes, QuantizeInt8Rows, MatmulInt8};
const PackedKernels kScalarBf16 = {"scalar", Bf16RowBytes, RoundBf16Rows, MatmulBf16};
}  // namespace minnow
