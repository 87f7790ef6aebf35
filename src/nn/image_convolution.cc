// SPDX-License-Identifier: Apache-2.0
// Convolution as a product without a matrix of patches: a block of the image with its border is
// made once, normalised and activated, and the rows of the product overlap in it.
#include <algorithm>

#include "base/check.h"
#include "base/round_up.h"
#include "nn/image_ops.h"
#include "nn/maps/convolution_block.h"
#include "nn/maps/int8_block.h"
#include "nn/maps/map_elements.h"
#include "nn/maps/winograd_convolution.h"

namespace minnow {
namespace {

// A 1x1 convolution that can read the map as it lies.
bool ReadsInPlace(const ConvolutionInput& x, const ConvolutionGeometry& g, MapElement operand) {
  return g.kernel == 1 && g.stride == 1 && !g.resized && x.norm == nullptr && x.second == nullptr &&
         x.activation == Activation::kNone && ElementOf(x.first->type) == operand;
}

}  // namespace

void ImageOps::Convolve(const ConvolutionInput& x, const Convolution& convolution,
                        const ConvolutionOutput& then, FeatureMap& y) {
  const ConvolutionGeometry g(x, convolution, y);
  CHECK(g.channels == convolution.in_channels && y.channels == convolution.out_channels);
  CHECK(!g.winograd || (g.kernel == 3 && g.stride == 1));
  const ArenaScope scope(arena_);
  GroupNormLines lines;
  if (x.norm != nullptr) lines = MeasureGroupNorm(*this, threads_, *x.first, x.second, *x.norm);
  const Linear& product = convolution.product;
  const MapElement operand = OperandOf(product);
  const bool int8 = IsInt8(product) && !g.winograd,
             in_place = !IsInt8(product) && ReadsInPlace(x, g, operand);
  const BlockReader reader(kernels_, x, g, lines, operand);
  const Int8BlockReader int8_reader(kernels_, x, product, g, lines);
  const size_t block_bytes = in_place ? 0 : CacheLines(int8 ? int8_reader.bytes() : reader.bytes());
  const size_t thread_bytes =
      block_bytes + (g.winograd ? CacheLines(WinogradScratchBytes(kernels_, product, g)) : 0);
  std::byte* memory = TakeForEachThread(thread_bytes);
  if (planning()) return;
  const size_t blocks = y.images * g.blocks();
  const size_t splits = ColumnSplits(blocks, threads_.members(), y.stride());
  threads_.RunLong(blocks * splits, [&](size_t member, size_t task, TaskTurn& turn) {
    std::byte* own = memory + member * thread_bytes;
    const ConvolutionBlock block = BlockAt(g, task / splits);
    const Part columns = PartOf(y.stride(), kPanelColumns, splits, task % splits);
    MapProduct p = OutputOf(g, block, then, y, columns.first);
    if (in_place) {
      p.x = ElementAt(*x.first, block.image * g.out_width + block.columns.first);
      p.x_stride = x.first->stride();
      p.segments = 1;
      p.inner = g.padded;
    } else if (int8) {
      if (turn.at == 0) int8_reader.Read(block, own);
      int8_reader.SetInput(own, p);
    } else {
      if (turn.at == 0) reader.Read(block, own);
      if (g.winograd) {
        return RunWinograd(kernels_, convolution, g, block, own, p, columns.first, columns.size,
                           own + block_bytes, threads_.stop(), turn);
      }
      SetBlockInput(g, own, p);
    }
    return RunMapProduct(kernels_, product, p, columns.first, columns.size, threads_.stop(), turn,
                         /*begin=*/1);
  });
}

}  // namespace minnow
