// SPDX-License-Identifier: Apache-2.0
// PlainImageOps: the twin of ImageOps in plain loops, with statistics and attention in double and
// nothing between the steps rounded: what ImageOps is compared with.
#pragma once

#include "kernels/kernels.h"
#include "nn/image_ops.h"

namespace minnow {

class PlainImageOps {
 public:
  explicit PlainImageOps(const Kernels& kernels) : kernels_(kernels) {}

  // As in ImageOps.
  void Convolve(const ConvolutionInput& x, const Convolution& convolution,
                const ConvolutionOutput& then, FeatureMap& y);
  void Product(const FeatureMap& x, const LayerNorm* norm, const Linear& linear,
               Activation activation, const FeatureMap* residual, FeatureMap& y);
  void GatedFeedForward(const FeatureMap& x, const LayerNorm& norm, const Linear& in,
                        const Linear& out, FeatureMap& y);
  void Normalize(const FeatureMap& x, const GroupNorm& norm, FeatureMap& y);
  void Normalize(const FeatureMap& x, const LayerNorm& norm, FeatureMap& y);
  void Attend(const ImageOps::Heads& q, const ImageOps::Heads& k, const ImageOps::Heads& v,
              size_t heads, bool causal, FeatureMap& y);

 private:
  const Kernels& kernels_;  // for products
};

}  // namespace minnow
