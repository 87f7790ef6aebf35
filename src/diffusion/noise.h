// SPDX-License-Identifier: Apache-2.0
// Normal noise with the bits of PyTorch's generator for the CPU, so that a seed gives the picture
// that it gives elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "base/result.h"

namespace minnow {

// torch.Generator().manual_seed(seed), of which one request makes its own. The machine does not
// matter: the operations are those of PyTorch's AVX2 code, fused multiply-add included.
class TorchGenerator {
 public:
  // PyTorch takes the low 32 bits.
  explicit TorchGenerator(uint64_t seed) : engine_(static_cast<uint32_t>(seed)) {}

  // torch.randn of out.size() values, float32, whatever the shape. How many are asked for at once
  // matters: 20 are no beginning of 32, and fewer than 16 are drawn in another way.
  void Normal(std::span<float> out);

 private:
  float Uniform();         // in [0, 1), 24 bits
  double DoubleUniform();  // in [0, 1), 53 bits
  float OneNormal();

  std::mt19937 engine_;
  // Values come in pairs where they are drawn one by one; what is drawn in blocks leaves it alone.
  std::optional<double> kept_;
};

// The noise of several pictures in one tensor [n, channels, height, width].
class PictureNoise {
 public:
  // One seed: a generator that fills the tensor as a whole. Several: one for each picture, so that
  // each is as it would be alone. No seed is an error.
  static Result<PictureNoise> Make(std::span<const uint64_t> seeds);

  // REQUIRES: out.size() is a multiple of the number of seeds.
  void Fill(std::span<float> out);

 private:
  PictureNoise() = default;
  std::vector<TorchGenerator> generators_;
};

}  // namespace minnow
