// SPDX-License-Identifier: Apache-2.0
// TimeEmbedding: what a step's timestep and guidance give to every residual block of a UNet, in
// fp32 and for each image.
#pragma once

#include <cstddef>
#include <span>

#include "models/unet/config.h"
#include "models/unet/weights.h"
#include "nn/image_ops.h"

namespace minnow {

// Half sines, half cosines of x, which may be a fraction. out: [channels]
struct Sinusoid {
  size_t channels;
  float freq_shift;
  bool cosines_first;
};
void FillSinusoid(const Sinusoid& shape, float x, float* out);

class TimeEmbedding {
 public:
  // Takes its vector of the arena of `ops`, which outlives it. timesteps, and guidance if it is not
  // empty: of each image.
  TimeEmbedding(ImageOps& ops, const UNetConfig& config, const UNetWeights& weights,
                std::span<const float> timesteps, std::span<const float> guidance);

  // The part of one residual block: [images, PaddedColumns(C)], of the arena.
  const float* PartOf(const Linear& time);

 private:
  float* Take(size_t channels);
  void Forward(const Linear& linear, const float* x, const float* residual, float* y);

  ImageOps& ops_;
  const size_t images_;
  LinearScratch scratch_;
  float* activated_ =
      nullptr;  // [images, PaddedColumns(time_embedding_dim)]: SiLU of the embedding
};

}  // namespace minnow
