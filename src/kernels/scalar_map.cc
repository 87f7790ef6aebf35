// SPDX-License-Identifier: Apache-2.0
// The reference of products and attention over maps: plain loops, sums in double.
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

namespace minnow {
extern const MapKernels kScalarMapF32;
extern const MapKernels kScalarMapBf16;
extern const MapElementKernels kScalarMapElements;
extern const MapInt8Kernels kScalarMapInt8;
void QuantizeInt8RowsScalar(const float* x, size_t x_stride, size_t rows, size_t inner,
                            const float* multiplier, void* out, size_t out_stride_bytes,
                            float* scale, float* offset);
void ActivateScalar(float* y, size_t n, MatmulActivation activation);
namespace {

float Get(const void* map, MapElement element, size_t i) {
  if (element == kMapF32) return static_cast<const float*>(map)[i];
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(map)[i]) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

void Set(void* map, MapElement element, size_t i, float value) {
  if (element == kMapF32) {
    static_cast<float*>(map)[i] = value;
    return;
  }
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  static_cast<uint16_t*>(map)[i] =
      static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

float Activated(float value, MatmulActivation activation) {
  ActivateScalar(&value, 1, activation);
  return value;
}

// Input i of column n of a packed weight with this many inputs.
template <MapElement kElement>
float Weight(const MapProduct* m, size_t inputs, size_t n, size_t i) {
  const size_t unit = kElement == kMapF32 ? 1 : 2, words = (inputs + unit - 1) / unit;
  const size_t word =
      n / kPanelColumns * words * kPanelColumns + i / unit * kPanelColumns + n % kPanelColumns;
  return Get(m->w, kElement, word * unit + i % unit);
}

// x: the first element of a row.
template <MapElement kElement>
double Dot(const MapProduct* m, size_t x, size_t n) {
  double sum = 0;
  for (size_t s = 0; s < m->segments; ++s) {
    for (size_t i = 0; i < m->inner; ++i) {
      sum += static_cast<double>(Get(m->x, kElement, x + s * m->segment_stride + i)) *
             Weight<kElement>(m, m->segments * m->inner, n, s * m->inner + i);
    }
  }
  return sum;
}

void FinishOne(const MapProduct* m, size_t line, size_t row, size_t n, double sum) {
  const size_t y = line * m->y_line_stride + row * m->y_stride + n;
  const size_t from = line * m->residual_line_stride + row * m->residual_stride + n;
  if (m->bias != nullptr) sum += m->bias[n];
  if (m->more != nullptr) sum += m->more[n];
  float value = static_cast<float>(sum);
  const float other =
      m->combine == kCombineNone ? 0.0f : Get(m->residual, m->residual_element, from);
  if (m->combine == kCombineAddBeforeActivation) value += other;
  value = Activated(value, m->activation);
  if (m->combine == kCombineAdd) value += other;
  if (m->combine == kCombineMultiply) value *= other;
  Set(m->y, m->y_element, y, value);
}

template <MapElement kElement>
void MapProductRun(const MapProduct* m) {
  for (size_t line = 0; line < m->lines; ++line) {
    for (size_t r = 0; r < m->rows; ++r) {
      const size_t x = line * m->line_stride + r * m->x_stride;
      for (size_t n = 0; n < m->columns; ++n) FinishOne(m, line, r, n, Dot<kElement>(m, x, n));
    }
  }
}

// --- 8 bits ---

// x: the first integer of a row.
int32_t DotInt8(const MapProduct* m, const uint8_t* x, size_t n) {
  const size_t words = (m->segments * m->inner + 3) / 4;
  const int8_t* w = static_cast<const int8_t*>(m->w) +
                    (n / kPanelColumns * words * kPanelColumns + n % kPanelColumns) * 4;
  int32_t sum = 0;
  for (size_t i = 0; i < m->segments * m->inner; ++i) {
    sum +=
        x[i / m->inner * m->segment_stride + i % m->inner] * w[i / 4 * kPanelColumns * 4 + i % 4];
  }
  return sum;
}

void MapInt8ProductRun(const MapProduct* m) {
  for (size_t line = 0; line < m->lines; ++line) {
    for (size_t r = 0; r < m->rows; ++r) {
      const uint8_t* x =
          static_cast<const uint8_t*>(m->x) + line * m->line_stride + r * m->x_stride;
      const size_t at = line * m->scale_line_stride + r * m->scale_stride;
      for (size_t n = 0; n < m->columns; ++n) {
        FinishOne(m, line, r, n,
                  static_cast<double>(m->x_scale[at]) * m->w_scale[n] * DotInt8(m, x, n) +
                      static_cast<double>(m->x_offset[at]) * m->w_sum[n]);
      }
    }
  }
}

// --- attention: `packed` holds keys, then values, as they are: [L][D] each ---

template <MapElement kElement>
size_t PackedBytes(size_t length, size_t head_dim) {
  return 2 * length * head_dim * (kElement == kMapF32 ? 4 : 2);
}

size_t ScratchBytes(size_t head_dim) { return head_dim * sizeof(double); }

template <MapElement kElement>
void PackKeys(const MapAttention* a) {
  for (size_t l = 0; l < a->length; ++l) {
    for (size_t d = 0; d < a->head_dim; ++d) {
      Set(a->packed, kElement, l * a->head_dim + d, Get(a->k, kElement, l * a->k_stride + d));
      Set(a->packed, kElement, (a->length + l) * a->head_dim + d,
          Get(a->v, kElement, l * a->v_stride + d));
    }
  }
}

template <MapElement kElement>
double Score(const MapAttention* a, size_t query, size_t key) {
  double dot = 0;
  for (size_t d = 0; d < a->head_dim; ++d) {
    dot += static_cast<double>(Get(a->q, kElement, query * a->q_stride + d)) *
           Get(a->packed, kElement, key * a->head_dim + d);
  }
  return dot * a->scale;
}

template <MapElement kElement>
void Attend(const MapAttention* a) {
  double* sums = static_cast<double*>(a->scratch);
  for (size_t i = 0; i < a->queries; ++i) {
    const size_t seen = a->first_query + i + 1;
    const size_t length = a->causal && seen < a->length ? seen : a->length;
    double most = -HUGE_VAL, total = 0;
    for (size_t l = 0; l < length; ++l) most = fmax(most, Score<kElement>(a, i, l));
    for (size_t d = 0; d < a->head_dim; ++d) sums[d] = 0;
    for (size_t l = 0; l < length; ++l) {
      const double share = exp(Score<kElement>(a, i, l) - most);
      total += share;
      for (size_t d = 0; d < a->head_dim; ++d)
        sums[d] += share * Get(a->packed, kElement, (a->length + l) * a->head_dim + d);
    }
    for (size_t d = 0; d < a->head_dim; ++d)
      Set(a->y, kElement, i * a->y_stride + d, static_cast<float>(sums[d] / total));
  }
}

// --- Winograd ---

// What each row of a transform takes from four numbers.
constexpr double kInput[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
constexpr double kOutput[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};

template <MapElement kElement>
void WinogradInput(const MapWinogradInput* a) {
  for (size_t i = 0; i < a->tiles * a->channels * 16; ++i) {
    const size_t position = i % 16, c = i / 16 % a->channels, tile = i / 16 / a->channels;
    const double* line = kInput[position / 4];
    const double* column = kInput[position % 4];
    double sum = 0;
    for (size_t at = 0; at < 16; ++at) {
      const size_t from = at / 4 * a->line_stride + (2 * tile + at % 4) * a->x_stride + c;
      sum += line[at / 4] * column[at % 4] * Get(a->x, kElement, from);
    }
    Set(a->y, kElement, position * a->position_stride + tile * a->y_stride + c,
        static_cast<float>(sum));
  }
}

void WinogradOutput(const MapWinogradOutput* a) {
  const MapProduct* m = a->finish;
  for (size_t line = 0; line < m->lines; ++line) {
    for (size_t row = 0; row < m->rows; ++row) {
      for (size_t n = 0; n < m->columns; ++n) {
        double sum = 0;
        for (size_t at = 0; at < 16; ++at) {
          sum += kOutput[line][at / 4] * kOutput[row % 2][at % 4] *
                 a->sums[at * a->position_stride + row / 2 * a->stride + n];
        }
        FinishOne(m, line, row, n, sum);
      }
    }
  }
}

// --- elements ---

float AffineValue(const MapAffine* a, size_t r, size_t c) {
  const size_t x = (a->from != nullptr ? a->from[r] : r) * a->x_stride;
  float value = Get(a->x, a->x_element, x + c);
  if (a->scale != nullptr) value = value * a->scale[c] + a->shift[c];
  return Activated(value, a->activation);
}

void Affine(const MapAffine* a) {
  for (size_t r = 0; r < a->rows; ++r) {
    for (size_t c = 0; c < a->channels; ++c)
      Set(a->y, a->y_element, r * a->y_stride + c, AffineValue(a, r, c));
  }
}

void Quantize(const MapQuantize* q) {
  const MapAffine* a = q->values;
  for (size_t r = 0; r < a->rows; ++r) {
    uint8_t* y = static_cast<uint8_t*>(q->y) + r * q->y_stride;
    for (size_t c = 0; c < a->channels; ++c) {
      const float steps = (AffineValue(a, r, c) - q->offset) * q->inverse;
      y[c] = static_cast<uint8_t>(lrintf(fmaxf(0.0f, fminf(steps, 255.0f))));
    }
  }
}

void Range(const MapRange* a) {
  for (size_t i = 0; i < a->rows * a->channels; ++i) {
    const size_t c = i % a->channels;
    const float value = Get(a->x, a->element, i / a->channels * a->x_stride + c);
    // NaN goes in, and stays.
    if (!isnan(a->low[c]) && !(value >= a->low[c])) a->low[c] = value;
    a->high[c] = fmaxf(a->high[c], value);
  }
}

void Sums(const MapSums* s) {
  for (size_t c = 0; c < s->channels; ++c) {
    double sum = 0, squares = 0;
    for (size_t r = 0; r < s->rows; ++r) {
      const double d = Get(s->x, s->element, r * s->x_stride + c) - s->pivot[c];
      sum += d;
      squares += d * d;
    }
    s->sum[c] = static_cast<float>(sum);
    s->squares[c] = static_cast<float>(squares);
  }
}

}  // namespace

const MapKernels kScalarMapF32 = {
    MapProductRun<kMapF32>, PackedBytes<kMapF32>,   ScratchBytes,  PackKeys<kMapF32>,
    Attend<kMapF32>,        WinogradInput<kMapF32>, WinogradOutput};
const MapKernels kScalarMapBf16 = {
    MapProductRun<kMapBf16>, PackedBytes<kMapBf16>,   ScratchBytes,  PackKeys<kMapBf16>,
    Attend<kMapBf16>,        WinogradInput<kMapBf16>, WinogradOutput};
const MapInt8Kernels kScalarMapInt8 = {1, 0, MapInt8ProductRun, Quantize, QuantizeInt8RowsScalar};
const MapElementKernels kScalarMapElements = {Affine, Sums, Range};
}  // namespace minnow
