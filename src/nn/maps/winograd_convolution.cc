// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/winograd_convolution.h"

#include <algorithm>

#include "base/round_up.h"
#include "nn/maps/map_elements.h"
#include "nn/maps/winograd.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

// Columns whose sums of all positions stay near the second-level cache.
constexpr size_t kColumns = 48;
static_assert(kColumns <= kMapWinogradColumns);
alignas(64) constexpr float kNoBias[kColumns] = {};  // of int8

size_t TilesOf(size_t height, size_t width) { return (height + 1) / 2 * ((width + 1) / 2); }

// All tiles of the block to [16][tiles][padded].
void TransformInput(const MapKernels& kernels, const ConvolutionGeometry& g, size_t lines,
                    size_t tiles, const std::byte* input, MapElement operand, std::byte* out) {
  for (size_t line = 0; line < lines; ++line) {
    const size_t from = 2 * line * g.in_width * g.padded, to = line * tiles * g.padded;
    const MapWinogradInput args = {.x = input + from * ElementBytes(operand),
                                   .x_stride = g.padded,
                                   .line_stride = g.in_width * g.padded,
                                   .tiles = tiles,
                                   .channels = g.padded,
                                   .y = out + to * ElementBytes(operand),
                                   .y_stride = g.padded,
                                   .position_stride = lines * tiles * g.padded};
    kernels.winograd_input(&args);
  }
}

// What positions read in 8 bits: rows of tiles, each with a scale of its own in each position.
class Int8Positions {
 public:
  Int8Positions(const Kernels& kernels, const ConvolutionGeometry& g, size_t tiles,
                std::byte* memory)
      : kernels_(kernels), int8_(MapInt8For(kernels)), g_(g), tiles_(tiles) {
    floats_ = reinterpret_cast<float*>(memory);
    memory += CacheLines(kMapWinogradPositions * kTilesAtATime * stride() * sizeof(float));
    rows_ = memory;
    memory += CacheLines(kMapWinogradPositions * tiles * row_bytes());
    scale_ = reinterpret_cast<float*>(memory);
    offset_ = scale_ + kMapWinogradPositions * tiles;
  }

  size_t bytes() const {
    return CacheLines(kMapWinogradPositions * kTilesAtATime * stride() * sizeof(float)) +
           CacheLines(kMapWinogradPositions * tiles_ * row_bytes()) +
           CacheLines(2 * kMapWinogradPositions * tiles_ * sizeof(float));
  }

  // Tiles [first, first + count) of those of the block, which begin at x. multiplier: ones.
  void QuantizeTiles(const float* x, size_t first, size_t count, const float* multiplier) const {
    const MapWinogradInput args = {.x = x,
                                   .x_stride = g_.padded,
                                   .line_stride = g_.in_width * g_.padded,
                                   .tiles = count,
                                   .channels = g_.padded,
                                   .y = floats_,
                                   .y_stride = stride(),
                                   .position_stride = count * stride()};
    kernels_.map_f32->winograd_input(&args);
    for (size_t p = 0; p < kMapWinogradPositions; ++p) {
      const size_t row = p * tiles_ + first;
      int8_.quantize_rows(floats_ + p * count * stride(), stride(), count, g_.padded, multiplier,
                          rows_ + row * row_bytes(), row_bytes(), scale_ + row, offset_ + row);
    }
  }
  void Quantize(const float* input, size_t lines, size_t tiles, const float* multiplier) const {
    for (size_t line = 0; line < lines; ++line) {
      for (size_t t = 0; t < tiles; t += kTilesAtATime) {
        QuantizeTiles(input + (2 * line * g_.in_width + 2 * t) * g_.padded, line * tiles + t,
                      std::min(kTilesAtATime, tiles - t), multiplier);
      }
    }
  }

  void SetInput(size_t position, MapProduct& p) const {
    p.x = rows_ + position * tiles_ * row_bytes();
    p.x_stride = stride();
    p.x_scale = scale_ + position * tiles_;
    p.x_offset = offset_ + position * tiles_;
    p.scale_stride = 1;
  }

 private:
  static constexpr size_t kTilesAtATime = 2;  // stay in the first-level cache, or near it

  size_t stride() const { return PaddedColumns(g_.padded); }
  size_t row_bytes() const { return stride() * int8_.quantum_bytes; }

  const Kernels& kernels_;
  const MapInt8Kernels& int8_;
  const ConvolutionGeometry& g_;
  const size_t tiles_;
  float* floats_;
  std::byte* rows_;
  float* scale_;
  float* offset_;
};

// sums: [16][lines * tiles][kColumns] to the pixels of the block.
void TransformOutput(const MapKernels& kernels, const float* sums, size_t lines, size_t tiles,
                     const MapProduct& finish) {
  for (size_t line = 0; line < lines; ++line) {
    MapProduct two = finish;
    two.lines = std::min<size_t>(2, finish.lines - 2 * line);
    two.y = static_cast<std::byte*>(two.y) +
            2 * line * finish.y_line_stride * ElementBytes(finish.y_element);
    if (two.residual != nullptr)
      two.residual = static_cast<const std::byte*>(two.residual) +
                     2 * line * finish.residual_line_stride * ElementBytes(finish.residual_element);
    const MapWinogradOutput args = {.sums = sums + line * tiles * kColumns,
                                    .stride = kColumns,
                                    .position_stride = lines * tiles * kColumns,
                                    .finish = &two};
    kernels.winograd_output(&args);
  }
}

// Columns from `offset` on.
MapProduct From(const MapProduct& finish, const float* bias, size_t offset, size_t columns) {
  MapProduct part = finish;
  part.bias = bias + offset;
  part.columns = columns;
  if (part.more != nullptr) part.more += offset;
  part.y = static_cast<std::byte*>(part.y) + offset * ElementBytes(part.y_element);
  if (part.residual != nullptr)
    part.residual =
        static_cast<const std::byte*>(part.residual) + offset * ElementBytes(part.residual_element);
  return part;
}

}  // namespace

size_t WinogradScratchBytes(const Kernels& kernels, const Linear& product,
                            const ConvolutionGeometry& g) {
  const size_t tiles = TilesOf(g.block_height, g.block_width);
  const size_t sums = kMapWinogradPositions * tiles * kColumns * sizeof(float);
  if (IsInt8(product)) return sums + Int8Positions(kernels, g, tiles, nullptr).bytes();
  return sums + kMapWinogradPositions * tiles * g.padded * ElementBytes(OperandOf(product));
}

bool RunWinograd(const Kernels& kernels, const Convolution& convolution,
                 const ConvolutionGeometry& g, const ConvolutionBlock& block,
                 const std::byte* input, const MapProduct& finish, size_t first, size_t columns,
                 std::byte* scratch, const std::atomic<bool>* stop, TaskTurn& turn) {
  const LinearWeights& w = convolution.product.weights();
  const bool int8 = IsInt8(convolution.product);
  const MapElement operand = OperandOf(convolution.product);
  const MapKernels& map = operand == kMapBf16 ? *kernels.bf16->map : *kernels.map_f32;
  const size_t lines = (block.rows.size + 1) / 2, tiles = (block.columns.size + 1) / 2;
  const size_t all = lines * tiles, plane = all * g.padded * ElementBytes(operand);
  // The sums come first: what is before the product has a size of its own.
  float* sums = reinterpret_cast<float*>(scratch);
  std::byte* transformed = scratch + kMapWinogradPositions * all * kColumns * sizeof(float);
  const Int8Positions positions(kernels, g, all, transformed);
  if (turn.at == 0 && int8) {
    positions.Quantize(reinterpret_cast<const float*>(input), lines, tiles, w.input_multiplier);
  } else if (turn.at == 0) {
    TransformInput(map, g, lines, tiles, input, operand, transformed);
  }
  const size_t position_bytes = WinogradPositionBytes(w.dtype, g.channels, w.out_features);
  const size_t panel_bytes = PackedWeightBytes(w.dtype, g.padded, kPanelColumns);
  const auto run_columns = [&](size_t part) {
    const size_t c = part * kColumns, count = std::min(kColumns, columns - c);
    for (size_t p = 0; p < kMapWinogradPositions; ++p) {
      if (IsSet(stop)) return;
      const std::byte* weight =
          static_cast<const std::byte*>(convolution.winograd) + p * position_bytes;
      MapProduct product = {};
      product.segments = 1;
      product.inner = g.padded;
      product.w = weight + (first + c) / kPanelColumns * panel_bytes;
      product.lines = 1;
      product.rows = all;
      product.columns = count;
      product.y = sums + p * all * kColumns;
      product.y_stride = kColumns;
      if (int8) {
        positions.SetInput(p, product);
        product.w_scale = reinterpret_cast<const float*>(
                              weight + PackedWeightBytes(w.dtype, g.padded, w.out_features)) +
                          first + c;
        product.w_sum = product.w_scale + PaddedColumns(w.out_features);
        product.bias = kNoBias;
        MapInt8For(kernels).product(&product);
      } else {
        product.x = transformed + p * plane;
        product.x_stride = g.padded;
        map.product(&product);
      }
    }
    TransformOutput(map, sums, lines, tiles, From(finish, w.bias + first, c, count));
  };
  return RunParts(turn, /*begin=*/1, (columns + kColumns - 1) / kColumns, stop, run_columns);
}

}  // namespace minnow
