// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/winograd_convolution.h"

#include <algorithm>

#include "nn/maps/map_elements.h"
#include "nn/maps/winograd.h"

namespace minnow {
namespace {

// Columns whose sums of all positions stay near the second-level cache.
constexpr size_t kColumns = 48;
static_assert(kColumns <= kMapWinogradColumns);

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

size_t WinogradScratchBytes(const ConvolutionGeometry& g, MapElement operand) {
  return kMapWinogradPositions * TilesOf(g.block_height, g.block_width) *
         (g.padded * ElementBytes(operand) + kColumns * sizeof(float));
}

bool RunWinograd(const Kernels& kernels, const Convolution& convolution,
                 const ConvolutionGeometry& g, const ConvolutionBlock& block,
                 const std::byte* input, const MapProduct& finish, size_t first, size_t columns,
                 std::byte* scratch, const std::atomic<bool>* stop, TaskTurn& turn) {
  const LinearWeights& w = convolution.product.weights();
  const MapElement operand = OperandOf(convolution.product);
  const MapKernels& map = operand == kMapBf16 ? *kernels.bf16->map : *kernels.map_f32;
  const size_t lines = (block.rows.size + 1) / 2, tiles = (block.columns.size + 1) / 2;
  const size_t all = lines * tiles, plane = all * g.padded * ElementBytes(operand);
  std::byte* transformed = scratch;
  float* sums = reinterpret_cast<float*>(scratch + kMapWinogradPositions * plane);
  if (turn.at == 0) TransformInput(map, g, lines, tiles, input, operand, transformed);
  const size_t position_bytes = WinogradPositionBytes(w.dtype, g.channels, w.out_features);
  const size_t panel_bytes = WinogradPositionBytes(w.dtype, g.channels, kPanelColumns);
  const auto run_columns = [&](size_t part) {
    const size_t c = part * kColumns, count = std::min(kColumns, columns - c);
    for (size_t p = 0; p < kMapWinogradPositions; ++p) {
      if (IsSet(stop)) return;
      MapProduct product = {};
      product.x = transformed + p * plane;
      product.x_stride = g.padded;
      product.segments = 1;
      product.inner = g.padded;
      product.w = static_cast<const std::byte*>(convolution.winograd) + p * position_bytes +
                  (first + c) / kPanelColumns * panel_bytes;
      product.bias = nullptr;
      product.lines = 1;
      product.rows = all;
      product.columns = count;
      product.y = sums + p * all * kColumns;
      product.y_stride = kColumns;
      map.product(&product);
    }
    TransformOutput(map, sums, lines, tiles, From(finish, w.bias + first, c, count));
  };
  return RunParts(turn, /*begin=*/1, (columns + kColumns - 1) / kColumns, stop, run_columns);
}

}  // namespace minnow
