// SPDX-License-Identifier: Apache-2.0
// The reference of the lower precisions: plain loops over the same layouts.
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

namespace minnow {
extern const PackedKernels kScalarInt8;
extern const PackedKernels kScalarBf16;
extern const MapKernels kScalarMapBf16;
extern const MapInt8Kernels kScalarMapInt8;
void ActivateScalar(float* y, size_t n, MatmulActivation activation);
void AttentionScalarInt8(const AttentionF32* args);
size_t AttentionScratchScalarInt8(size_t length, size_t head_dim);
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

// --- attention in 8 bits ---

float SignedScale(const float* x, size_t stride, size_t n) {
  float largest = 0, fault = 0;  // NaN where a value is not finite
  for (size_t i = 0; i < n; ++i) {
    largest = fmaxf(largest, fabsf(x[i * stride]));
    fault += 0.0f * x[i * stride];
  }
  return largest / 127.0f + fault;
}

long ToSteps(float x, float scale) { return scale > 0 ? lrintf(x / scale) : 0; }

// context of one query row and one head.
void AttentionInt8Row(const AttentionF32* a, size_t row, size_t head) {
  const size_t column = head * a->head_dim;
  const float* bias = a->bias ? a->bias + head * a->bias_stride - row : nullptr;
  const float* q = a->q + row * a->qkv_stride + column;
  const float* k = a->k + column;
  const float* v = a->v + column;
  const float q_scale = SignedScale(q, 1, a->head_dim);
  float* scores = a->scratch;
  double most = -HUGE_VAL;
  for (size_t l = 0; l < a->length; ++l) {
    const float* key = k + l * a->qkv_stride;
    const float k_scale = SignedScale(key, 1, a->head_dim);
    long sum = 0;
    for (size_t d = 0; d < a->head_dim; ++d)
      sum += ToSteps(q[d], q_scale) * ToSteps(key[d], k_scale);
    scores[l] = static_cast<float>(static_cast<double>(sum) * q_scale * k_scale * a->scale +
                                   (bias ? bias[l] : 0.0f));
    most = fmax(most, scores[l]);
  }
  // The multiples of the golden ratio that each key has added (attention_int8_body.h).
  const float share = a->length > kMostKeysWithoutDither ? 0.98f : 0.0f;
  float at = 0.0f;
  long total = 0;
  for (size_t l = 0; l < a->length; ++l) {
    const double step = rint(254.5 * exp(scores[l] - most) + share * (at - 0.5f));
    scores[l] = static_cast<float>(step);
    total += isfinite(step) ? static_cast<long>(step) : 0;
    at += 0.618034f;
    if (at >= 1.0f) at -= 1.0f;
  }
  for (size_t d = 0; d < a->head_dim; ++d) {
    const float v_scale = SignedScale(v + d, a->qkv_stride, a->length);
    double sum = 0;
    for (size_t l = 0; l < a->length; ++l)
      sum += static_cast<double>(scores[l]) * ToSteps(v[l * a->qkv_stride + d], v_scale);
    a->context[row * a->context_stride + column + d] = static_cast<float>(sum * v_scale / total);
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

void QuantizeInt8RowsScalar(const float* x, size_t x_stride, size_t rows, size_t inner,
                            const float* multiplier, void* out, size_t out_stride_bytes,
                            float* scale, float* offset) {
  QuantizeInt8Rows(x, x_stride, rows, inner, multiplier, out, out_stride_bytes, scale, offset);
}

size_t AttentionScratchScalarInt8(size_t length, size_t) { return length; }

void AttentionScalarInt8(const AttentionF32* a) {
  for (size_t head = 0; head < a->heads; ++head) {
    for (size_t row = 0; row < a->queries; ++row) AttentionInt8Row(a, row, head);
  }
}

const PackedKernels kScalarInt8 = {"scalar",   Int8RowBytes, QuantizeInt8Rows,
                                   MatmulInt8, nullptr,      &kScalarMapInt8};
const PackedKernels kScalarBf16 = {"scalar", Bf16RowBytes, RoundBf16Rows, MatmulBf16,
                                   &kScalarMapBf16};
}  // namespace minnow
