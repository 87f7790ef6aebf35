// SPDX-License-Identifier: Apache-2.0
// The reference kernels: plain loops, sums in double, the C library's functions. The slow true twin
// of every table.
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

namespace minnow {
extern const Kernels kScalarKernels;
extern const ScanKernels kScalarScan;
extern const PackedKernels kScalarInt8;
extern const PackedKernels kScalarBf16;
extern const MapKernels kScalarMapF32;
extern const MapElementKernels kScalarMapElements;
void ActivateScalar(float* y, size_t n, MatmulActivation activation);
void AttentionScalarInt8(const AttentionF32* args);
size_t AttentionScratchScalarInt8(size_t length, size_t head_dim);
namespace {

float Activate(float x, MatmulActivation activation) {
  const double v = x;
  switch (activation) {
    case kMatmulNone:
      return x;
    case kMatmulGeluErf:
      return static_cast<float>(v * 0.5 * (1.0 + erf(v * M_SQRT1_2)));
    case kMatmulGeluTanh:
      return static_cast<float>(v * 0.5 *
                                (1.0 + tanh(sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))));
    case kMatmulRelu:
      return x > 0 ? x : 0;
    case kMatmulTanh:
      return static_cast<float>(tanh(v));
    case kMatmulSigmoid:
      return static_cast<float>(1.0 / (1.0 + exp(-v)));
    case kMatmulSilu:
      return static_cast<float>(v / (1.0 + exp(-v)));
    case kMatmulQuickGelu:
      return static_cast<float>(v / (1.0 + exp(-1.702 * v)));
  }
  return x;
}

void MatmulF32Run(const MatmulF32* m) {
  for (size_t t = 0; t < m->rows; ++t) {
    const float* x = m->x + t * m->x_stride;
    for (size_t n = 0; n < m->columns; ++n) {
      const float* w = m->w + n / kPanelColumns * kPanelColumns * m->inner + n % kPanelColumns;
      double sum = m->bias[n];
      for (size_t k = 0; k < m->inner; ++k) sum += static_cast<double>(x[k]) * w[k * kPanelColumns];
      float value = Activate(static_cast<float>(sum), m->activation);
      if (m->residual != nullptr) value += m->residual[t * m->residual_stride + n];
      m->y[t * m->y_stride + n] = value;
    }
  }
}

void PackF32(const float* weight, size_t columns, size_t inner, float* packed) {
  for (size_t n = 0; n < columns; n += kPanelColumns) {
    for (size_t k = 0; k < inner; ++k) {
      for (size_t j = 0; j < kPanelColumns; ++j) {
        float value = 0;
        if (n + j < columns) memcpy(&value, weight + (n + j) * inner + k, sizeof value);
        packed[n * inner + k * kPanelColumns + j] = value;
      }
    }
  }
}

size_t AttentionScratchFloats(size_t length, size_t) { return length; }

// context of one query row and one head.
void AttentionRow(const AttentionF32* a, size_t row, size_t head) {
  const size_t column = head * a->head_dim;
  const float* bias = a->bias ? a->bias + head * a->bias_stride - row : nullptr;
  const float* q = a->q + row * a->qkv_stride + column;
  float* scores = a->scratch;
  double most = -HUGE_VAL;
  for (size_t l = 0; l < a->length; ++l) {
    double dot = 0;
    for (size_t d = 0; d < a->head_dim; ++d)
      dot += static_cast<double>(q[d]) * a->k[l * a->qkv_stride + column + d];
    scores[l] = static_cast<float>(dot * a->scale + (bias ? bias[l] : 0.0f));
    most = fmax(most, scores[l]);
  }
  double sum = 0;
  for (size_t l = 0; l < a->length; ++l) {
    scores[l] = static_cast<float>(exp(scores[l] - most));
    sum += scores[l];
  }
  for (size_t d = 0; d < a->head_dim; ++d) {
    double value = 0;
    for (size_t l = 0; l < a->length; ++l)
      value += static_cast<double>(scores[l]) * a->v[l * a->qkv_stride + column + d];
    a->context[row * a->context_stride + column + d] = static_cast<float>(value / sum);
  }
}

void AttentionF32Run(const AttentionF32* a) {
  for (size_t head = 0; head < a->heads; ++head) {
    for (size_t row = 0; row < a->queries; ++row) AttentionRow(a, row, head);
  }
}

void CachedAttentionHead(const CachedAttentionF32* a, size_t head) {
  const float* q = a->q + head * a->head_dim;
  const float* keys = a->keys + head * a->head_stride;
  const float* values = a->values + head * a->head_stride;
  const auto slot = [a](size_t key) { return a->slots != nullptr ? a->slots[key] : key; };
  double most = -HUGE_VAL;
  for (size_t j = 0; j < a->length; ++j) {
    double dot = 0;
    for (size_t d = 0; d < a->head_dim; ++d)
      dot += static_cast<double>(q[d]) * keys[slot(j) * a->head_dim + d];
    const float bias = a->bias != nullptr ? a->bias[head * a->bias_stride + j] : 0.0f;
    a->scores[j] = static_cast<float>(dot * a->scale + bias);
    most = fmax(most, a->scores[j]);
  }
  double sum = 0;
  for (size_t j = 0; j < a->length; ++j) {
    a->scores[j] = static_cast<float>(exp(a->scores[j] - most));
    sum += a->scores[j];
  }
  for (size_t d = 0; d < a->head_dim; ++d) {
    double value = 0;
    for (size_t j = 0; j < a->length; ++j)
      value += static_cast<double>(a->scores[j]) * values[slot(j) * a->head_dim + d];
    a->context[head * a->head_dim + d] = static_cast<float>(value / sum);
  }
}

void CachedAttentionF32Run(const CachedAttentionF32* a) {
  for (size_t head = 0; head < a->heads; ++head) CachedAttentionHead(a, head);
}

void LayerNormF32Run(const LayerNormF32* l) {
  const double channels = static_cast<double>(l->channels);
  for (size_t t = 0; t < l->rows; ++t) {
    const float* x = l->x + t * l->x_stride;
    float* y = l->y + t * l->y_stride;
    double mean = 0, variance = 0;
    for (size_t c = 0; c < l->channels; ++c) mean += x[c];
    mean /= channels;
    for (size_t c = 0; c < l->channels; ++c) variance += (x[c] - mean) * (x[c] - mean);
    const double scale = 1.0 / sqrt(variance / channels + l->epsilon);
    for (size_t c = 0; c < l->channels; ++c) {
      y[c] = static_cast<float>((x[c] - mean) * scale * l->gamma[c] + l->beta[c]);
    }
  }
}

void RmsNormF32Run(const RmsNormF32* n) {
  for (size_t t = 0; t < n->rows; ++t) {
    const float* x = n->x + t * n->x_stride;
    float* y = n->y + t * n->y_stride;
    double square = 0;
    for (size_t c = 0; c < n->channels; ++c) square += static_cast<double>(x[c]) * x[c];
    const double scale = 1.0 / sqrt(square / static_cast<double>(n->channels) + n->epsilon);
    for (size_t c = 0; c < n->channels; ++c) y[c] = static_cast<float>(x[c] * scale * n->weight[c]);
  }
}

void SumRowsF32(const float* x, size_t x_stride, size_t rows, size_t channels, float* out) {
  for (size_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (size_t t = 0; t < rows; ++t) sum += x[t * x_stride + c];
    out[c] = static_cast<float>(sum);
  }
}

void NormalizeF32(float* x, size_t n) {
  double square = 0;
  for (size_t i = 0; i < n; ++i) square += static_cast<double>(x[i]) * x[i];
  const double norm = fmax(sqrt(square), 1e-12);
  for (size_t i = 0; i < n; ++i) x[i] = static_cast<float>(x[i] / norm);
}

void AddRowF32(const float* row, size_t n, float* out) {
  for (size_t i = 0; i < n; ++i) {
    float value;
    memcpy(&value, row + i, sizeof value);
    out[i] += value;
  }
}

void AddRowI8(const int8_t* row, float scale, size_t n, float* out) {
  for (size_t i = 0; i < n; ++i) out[i] += scale * static_cast<float>(row[i]);
}

void AddRowI4(const uint8_t* row, const float* scales, size_t n, float* out) {
  for (size_t i = 0; i < n; ++i) {
    const size_t group = i / kInt4Group, j = i % kInt4Group;
    const uint8_t byte = row[group * kInt4Group / 2 + j % 32];
    out[i] += scales[group] * static_cast<float>((j < 32 ? byte & 15 : byte >> 4) - 8);
  }
}

}  // namespace

void ActivateScalar(float* y, size_t n, MatmulActivation activation) {
  for (size_t i = 0; i < n; ++i) y[i] = Activate(y[i], activation);
}

const Kernels kScalarKernels = {"scalar",
                                MatmulF32Run,
                                PackF32,
                                AttentionF32Run,
                                AttentionScratchFloats,
                                CachedAttentionF32Run,
                                LayerNormF32Run,
                                RmsNormF32Run,
                                SumRowsF32,
                                NormalizeF32,
                                ActivateScalar,
                                AddRowF32,
                                AddRowI8,
                                AddRowI4,
                                &kScalarBf16,
                                &kScalarInt8,
                                /*int8_light=*/nullptr,
                                AttentionF32Run,
                                AttentionScratchFloats,
                                &kScalarScan,
                                &kScalarMapF32,
                                &kScalarMapElements,
                                AttentionScalarInt8,
                                AttentionScratchScalarInt8};
}  // namespace minnow
