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

// A product is asked whether to stop after about so many operations: some ms; and whether its turn
// is over.
constexpr size_t kOperationsOfACall = size_t{1} << 30;
constexpr size_t kOperationsOfATurn = size_t{1} << 28;
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

// Rows from `row` on of a line are gathered, rounded to 8 bits each by itself, and multiplied.
void RunInt8(const Kernels& kernels, const Linear& linear, const MapProduct& m, size_t first,
             size_t line, size_t row, std::byte* scratch) {
  const LinearWeights& w = linear.weights();
  const PackedKernels& packed = Int8For(kernels, w);
  const Int8Scratch s(packed, w.in_features, scratch);
  const size_t panel_bytes = PackedWeightBytes(w.dtype, w.in_features, kPanelColumns);
  const size_t rows = std::min(kInt8Rows, m.rows - row);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = 0; i < m.segments; ++i) {
      std::memcpy(s.rows + r * s.stride + i * m.inner,
                  static_cast<const float*>(m.x) + line * m.line_stride + (row + r) * m.x_stride +
                      i * m.segment_stride,
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

// A product in parts, any of which may be the last of a turn: of int8 weights some rows with all
// columns, since rows are rounded anew for each part; else some columns with all rows.
class ProductParts {
 public:
  ProductParts(const Kernels& kernels, const Linear& linear, const MapProduct& args, size_t first,
               size_t columns, std::byte* scratch, size_t operations)
      : kernels_(kernels), linear_(linear), all_(args), first_(first), scratch_(scratch) {
    const LinearWeights& w = linear.weights();
    CHECK(first % kPanelColumns == 0 && columns % kPanelColumns == 0);
    CHECK(first + columns <= PaddedColumns(w.out_features));
    CHECK(args.segments * args.inner == w.in_features);
    all_.columns = columns;
    const size_t unit_operations = 2 * kColumnUnit * args.lines * args.rows * w.in_features;
    group_ = std::max<size_t>(1, operations / std::max<size_t>(1, unit_operations)) * kColumnUnit;
    row_parts_ = (args.rows + kInt8Rows - 1) / kInt8Rows;
  }

  size_t count() const {
    return is_int8() ? all_.lines * row_parts_ : (all_.columns + group_ - 1) / group_;
  }
  void Run(size_t part) const {
    if (is_int8()) {
      RunInt8(kernels_, linear_, all_, first_, part / row_parts_, part % row_parts_ * kInt8Rows,
              scratch_);
    } else {
      RunColumns(part * group_);
    }
  }

 private:
  bool is_int8() const { return linear_.weights().dtype == Dtype::kInt8; }

  void RunColumns(size_t c) const {
    const LinearWeights& w = linear_.weights();
    const MapKernels& map = w.dtype == Dtype::kBF16 ? *kernels_.bf16->map : *kernels_.map_f32;
    const size_t panel_bytes = PackedWeightBytes(w.dtype, w.in_features, kPanelColumns);
    MapProduct args = all_;
    args.w = static_cast<const std::byte*>(w.weight) + (first_ + c) / kPanelColumns * panel_bytes;
    args.bias = w.bias + first_ + c;
    args.more = all_.more != nullptr ? all_.more + c : nullptr;
    args.columns = std::min(group_, all_.columns - c);
    args.y = static_cast<std::byte*>(all_.y) + c * ElementBytes(all_.y_element);
    if (all_.combine != kCombineNone)
      args.residual =
          static_cast<const std::byte*>(all_.residual) + c * ElementBytes(all_.residual_element);
    map.product(&args);
  }

  const Kernels& kernels_;
  const Linear& linear_;
  MapProduct all_;
  const size_t first_;
  std::byte* const scratch_;
  size_t group_ = 0;      // columns of a part
  size_t row_parts_ = 0;  // of a line
};

}  // namespace

size_t MapProductScratchBytes(const Kernels& kernels, const Linear& linear) {
  const LinearWeights& w = linear.weights();
  if (w.dtype != Dtype::kInt8) return 0;
  return Int8Scratch(Int8For(kernels, w), w.in_features, nullptr).bytes;
}

void RunMapProduct(const Kernels& kernels, const Linear& linear, const MapProduct& args,
                   size_t first, size_t columns, std::byte* scratch,
                   const std::atomic<bool>* stop) {
  const ProductParts parts(kernels, linear, args, first, columns, scratch, kOperationsOfACall);
  for (size_t part = 0; part < parts.count() && !IsSet(stop); ++part) parts.Run(part);
}

bool RunMapProduct(const Kernels& kernels, const Linear& linear, const MapProduct& args,
                   size_t first, size_t columns, std::byte* scratch, const std::atomic<bool>* stop,
                   TaskTurn& turn, size_t begin) {
  const ProductParts parts(kernels, linear, args, first, columns, scratch,
                           turn.yields() ? kOperationsOfATurn : kOperationsOfACall);
  return RunParts(turn, begin, parts.count(), stop, [&](size_t part) { parts.Run(part); });
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
