// SPDX-License-Identifier: Apache-2.0
// Blocks of a convolution: a part of an image's output, and the input that it is made from, with
// its border, normalised and activated, in the elements that the product reads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nn/image_ops.h"
#include "nn/maps/group_norm.h"
#include "nn/maps/map_product.h"

namespace minnow {

// What a convolution reads and writes, in pixels; `height` and `width` are those after a resize.
struct ConvolutionGeometry {
  // In tiles of Winograd's form, sides of blocks are made even.
  ConvolutionGeometry(const ConvolutionInput& x, const Convolution& convolution,
                      const FeatureMap& y);

  size_t blocks() const { return blocks_x * blocks_y; }

  size_t channels, padded, kernel, stride, before;
  size_t old_height, old_width, height, width, out_height, out_width;
  bool resized, winograd;
  size_t blocks_x, blocks_y;         // of an image
  size_t block_height, block_width;  // of the output, at most
  size_t in_height, in_width;        // of the bordered input of such a block
};

struct ConvolutionBlock {
  size_t image;
  Part rows, columns;  // of the output
};

// index: below images * blocks().
ConvolutionBlock BlockAt(const ConvolutionGeometry& geometry, size_t index);

// A line of the bordered input of a block, and where it lies in the images.
struct BlockLine {
  bool inside;           // false: all of it is border
  size_t left, right;    // its columns [left, right) lie within the image
  size_t first;          // the pixel of column `left`; of a resized image: of the line's begin
  const uint32_t* from;  // resized: of each of those columns, counted from `first`; else null
};
class BlockLines {
 public:
  // from: memory for in_width numbers, which outlives this.
  BlockLines(const ConvolutionGeometry& geometry, const ConvolutionBlock& block, uint32_t* from);

  size_t count() const { return count_; }
  size_t end() const { return end_; }  // columns of a line that are in use
  BlockLine At(size_t index) const;

 private:
  const ConvolutionGeometry& g_;
  const ConvolutionBlock block_;
  const uint32_t* const from_;
  size_t count_, left_, right_, end_;
};

// Everything of a product but its weight and x; of column `first` on.
MapProduct OutputOf(const ConvolutionGeometry& geometry, const ConvolutionBlock& block,
                    const ConvolutionOutput& then, FeatureMap& y, size_t first);

// Makes a block of bordered input the operand of its product.
void SetBlockInput(const ConvolutionGeometry& geometry, const std::byte* block, MapProduct& p);

// Makes the bordered input of blocks: [in_height][in_width][padded]. What it is made of must
// outlive it.
class BlockReader {
 public:
  BlockReader(const Kernels& kernels, const ConvolutionInput& x,
              const ConvolutionGeometry& geometry, const GroupNormLines& lines, MapElement operand)
      : kernels_(kernels), x_(x), g_(geometry), lines_(lines), operand_(operand) {}

  // Of the memory that Read fills; the block stands at its begin.
  size_t bytes() const { return block_bytes() + g_.in_width * sizeof(uint32_t); }
  void Read(const ConvolutionBlock& block, std::byte* memory) const;

 private:
  size_t block_bytes() const;
  // Of one of the maps, whose channels begin at `channel`.
  void Convert(const FeatureMap& map, size_t channel, size_t image, const BlockLine& line,
               std::byte* to) const;

  const Kernels& kernels_;
  const ConvolutionInput& x_;
  const ConvolutionGeometry& g_;
  const GroupNormLines& lines_;
  const MapElement operand_;
};

}  // namespace minnow
