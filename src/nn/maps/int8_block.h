// SPDX-License-Identifier: Apache-2.0
// The input of a block of a convolution in 8 bits. A 3x3 convolution joins the sums of nine pixels
// before they are scaled: one scale serves the whole block, which is fixed by the image's size. A
// 1x1 convolution has one for each pixel.
#pragma once

#include "nn/maps/convolution_block.h"
#include "nn/maps/int8_rows.h"

namespace minnow {

// x ~ scale q + offset with q in [0, 255]; 0 is a whole step.
struct Int8Step {
  float scale = 0;
  float offset = 0;
  float inverse = 0;
};
// For numbers between `low` and `high`; those that are not finite make a NaN of what is computed.
Int8Step StepFor(float low, float high);

// As BlockReader. What it is made of must outlive it.
class Int8BlockReader {
 public:
  Int8BlockReader(const Kernels& kernels, const ConvolutionInput& x, const Linear& linear,
                  const ConvolutionGeometry& geometry, const GroupNormLines& lines);

  // Of the memory that Read fills.
  size_t bytes() const;
  void Read(const ConvolutionBlock& block, std::byte* memory) const;
  void SetInput(const std::byte* memory, MapProduct& p) const;

 private:
  size_t from_bytes() const;
  size_t block_bytes() const;
  size_t range_bytes() const;
  // What stands in front of the product, of one of the maps whose channels begin at `channel`.
  MapAffine ValuesOf(const FeatureMap& map, size_t channel, const ConvolutionBlock& block,
                     const BlockLine& line, size_t skip, size_t pixels) const;
  Int8Step StepOf(const ConvolutionBlock& block, const BlockLines& lines, float* low) const;
  void ReadPixels(const ConvolutionBlock& block, const BlockLines& lines, std::byte* memory) const;
  void Fill(std::byte* to, size_t count, const Int8Step& step) const;

  const Kernels& kernels_;
  const MapInt8Kernels& int8_;
  const ConvolutionInput& x_;
  const ConvolutionGeometry& g_;
  const GroupNormLines& lines_;
  const Int8Rows rows_;
};

}  // namespace minnow
