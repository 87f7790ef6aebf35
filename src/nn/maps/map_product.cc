// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/map_product.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "nn/maps/map_elements.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

// A product is asked whether to stop after about so many operations: some ms.
constexpr size_t kOperationsOfACall = size_t{1} << 30;
constexpr size_t kColumnUnit = 48;  // whole tiles of every instruction set
// Rows of int8 that are gathered at a time, and their columns.
constexpr size_t kInt8Rows = 32;
constexpr size_t kInt8Columns = 192;

constexpr size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

const PackedKernels& Int8For(const Kernels& kernels, const LinearWeights& weights) {
  return weights.int16_safe && kernels.int8_light != nullptr ? *kernels.int8_light : *kernels.int8;
}

// Pieces of the scratch memory of int8 products.
struct Int8Scratch {
  Int8Scratch(const PackedKernels& kernels, size_t inputs, std::byte* memory)
      : row_bytes(kernels.row_bytes(inputs)), stride(PaddedColumns(inputs)) {
    std::byte* at = memory;
    rows = reinterpret_cast<float*>(at);
    at += kInt8Rows * stride * sizeof(float);
    words = at;
    at += kInt8Rows * row_bytes;
    sums = reinterpret_cast<float*>(at);
    at += kInt8Rows * kInt8Columns * sizeof(float);
    scale = reinterpret_cast<float*>(at);
    offset = scale + kInt8Rows;
    bytes = static_cast<size_t>(at - memory) + 2 * kInt8Rows * sizeof(float);
  }

  size_t row_bytes, stride, bytes;
  float* rows;
  std::byte* words;
  float *sums, *scale, *offset;
};

// What follows the sums of rows [row, row + rows) of a line; sums: [rows][kInt8Columns].
void FinishInt8(const MapProduct& m, const float* sums, size_t line, size_t row, size_t rows,
                size_t first, size_t columns, const Kernels& kernels) {
  float values[kInt8Columns], others[kInt8Columns];
  for (size_t r = 0; r < rows; ++r) {
    const size_t y = line * m.y_line_stride + (row + r) * m.y_stride + first;
    const size_t from = line * m.residual_line_stride + (row + r) * m.residual_stride + first;
    for (size_t c = 0; c < columns; ++c) {
      values[c] = sums[r * kInt8Columns + c] + (m.more != nullptr ? m.more[first + c] : 0.0f);
      others[c] =
          m.combine == kCombineNone ? 0.0f : GetElement(m.residual, m.residual_element, from + c);
      if (m.combine == kCombineAddBeforeActivation) values[c] += others[c];
    }
    if (m.activation != kMatmulNone) kernels.activate_f32(values, columns, m.activation);
    for (size_t c = 0; c < columns; ++c) {
      if (m.combine == kCombineAdd) values[c] += others[c];
      if (m.combine == kCombineMultiply) values[c] *= others[c];
      SetElement(m.y, m.y_element, y + c, values[c]);
    }
  }
}

// Rows are gathered, rounded to 8 bits each by itself, and multiplied.
void RunInt8(const Kernels& kernels, const Linear& linear, const MapProduct& m, size_t first,
             std::byte* scratch, const std::atomic<bool>* stop) {
  const LinearWeights& w = linear.weights();
  const PackedKernels& packed = Int8For(kernels, w);
  const Int8Scratch s(packed, w.in_features, scratch);
  const size_t panel_bytes = PackedWeightBytes(w.dtype, w.in_features, kPanelColumns);
  for (size_t line = 0; line < m.lines; ++line) {
    for (size_t row = 0; row < m.rows; row += kInt8Rows) {
      if (IsSet(stop)) return;
      const size_t rows = std::min(kInt8Rows, m.rows - row);
      for (size_t r = 0; r < rows; ++r) {
        for (size_t i = 0; i < m.segments; ++i) {
          std::memcpy(s.rows + r * s.stride + i * m.inner,
                      static_cast<const float*>(m.x) + line * m.line_stride +
                          (row + r) * m.x_stride + i * m.segment_stride,
                      m.inner * sizeof(float));
        }
      }
      packed.quantize_rows(s.rows, s.stride, rows, w.in_features, w.input_multiplier, s.words,
                           s.row_bytes, s.scale, s.offset);
      for (size_t c = 0; c < m.columns; c += kInt8Columns) {
        const size_t column = first + c, columns = std::min(kInt8Columns, m.columns - c);
        const PackedMatmul args = {
            .x = s.words,
            .x_stride_bytes = s.row_bytes,
            .x_scale = s.scale,
            .x_offset = s.offset,
            .w = static_cast<const std::byte*>(w.weight) + column / kPanelColumns * panel_bytes,
            .w_scale = w.scale + column,
            .w_sum = w.sum + column,
            .bias = w.bias + column,
            .residual = nullptr,
            .residual_stride = 0,
            .y = s.sums,
            .y_stride = kInt8Columns,
            .rows = rows,
            .inner = w.in_features,
            .columns = columns,
            .activation = kMatmulNone};
        packed.matmul(&args);
        FinishInt8(m, s.sums, line, row, rows, c, columns, kernels);
      }
    }
  }
}

}  // namespace

size_t MapProductScratchBytes(const Kernels& kernels, const Linear& linear) {
  const LinearWeights& w = linear.weights();
  if (w.dtype != Dtype::kInt8) return 0;
  return Int8Scratch(Int8For(kernels, w), w.in_features, nullptr).bytes;
}

void RunMapProduct(const Kernels& kernels, const Linear& linear, MapProduct args, size_t first,
                   size_t columns, std::byte* scratch, const std::atomic<bool>* stop) {
  const LinearWeights& w = linear.weights();
  CHECK(first % kPanelColumns == 0 && columns % kPanelColumns == 0);
  CHECK(first + columns <= PaddedColumns(w.out_features));
  CHECK(args.segments * args.inner == w.in_features);
  if (w.dtype == Dtype::kInt8) {
    args.columns = columns;
    RunInt8(kernels, linear, args, first, scratch, stop);
    return;
  }
  const MapKernels& map = w.dtype == Dtype::kBF16 ? *kernels.bf16->map : *kernels.map_f32;
  const size_t panel_bytes = PackedWeightBytes(w.dtype, w.in_features, kPanelColumns);
  const size_t column_operations = 2 * args.lines * args.rows * w.in_features;
  const size_t group =
      std::max<size_t>(1,
                       kOperationsOfACall / std::max<size_t>(1, kColumnUnit * column_operations)) *
      kColumnUnit;
  const MapProduct all = args;
  for (size_t c = 0; c < columns && !IsSet(stop); c += group) {
    const size_t column = first + c;
    args.w = static_cast<const std::byte*>(w.weight) + column / kPanelColumns * panel_bytes;
    args.bias = w.bias + column;
    args.more = all.more != nullptr ? all.more + c : nullptr;
    args.columns = std::min(group, columns - c);
    args.y = static_cast<std::byte*>(all.y) + c * ElementBytes(all.y_element);
    if (all.combine != kCombineNone)
      args.residual =
          static_cast<const std::byte*>(all.residual) + c * ElementBytes(all.residual_element);
    map.product(&args);
  }
}

size_t ColumnSplits(size_t blocks, size_t threads, size_t columns) {
  constexpr size_t kManyBlocks = 4;  // for each thread: what is left over at the end weighs little
  if (blocks == 0 || blocks % threads == 0 || blocks >= kManyBlocks * threads) return 1;
  return std::clamp<size_t>(threads / std::gcd(blocks, threads), 1,
                            (columns + kColumnUnit - 1) / kColumnUnit);
}

Part PartOf(size_t size, size_t unit, size_t count, size_t index) {
  const size_t units = (size + unit - 1) / unit;
  const size_t first = std::min(size, units * index / count * unit);
  return {first, std::min(size, units * (index + 1) / count * unit) - first};
}

}  // namespace minnow
