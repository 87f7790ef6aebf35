// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/rotation.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace minnow {
namespace {

// https://prng.di.unimi.it/splitmix64.c
uint64_t SplitMix64(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

size_t Padded(size_t dimensions) {
  const size_t whole = (dimensions + kScanDimensions - 1) / kScanDimensions * kScanDimensions;
  return std::max<size_t>(whole, kScanMinimumDimensions);
}

}  // namespace

Rotation::Rotation(size_t dimensions)
    : dimensions_(dimensions), padded_(Padded(dimensions)), flips_(kScanRotationRounds * padded_) {
  CHECK(dimensions >= 1 && dimensions <= kScanMaximumDimensions);
  constexpr uint32_t kSignBit = 0x80000000u;
  uint64_t state = padded_;
  for (uint32_t& flip : flips_) flip = SplitMix64(state) >> 63 != 0 ? kSignBit : 0;
  const size_t power = std::bit_floor(padded_);
  plan_ = {.flips = flips_.data(),
           .dimensions = padded_,
           .power = power,
           .hadamard_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(power))),
           .halves_scale = static_cast<float>(std::sqrt(0.5))};
}

void Rotation::Apply(const ScanKernels& kernels, const float* x, float* y) const {
  std::memcpy(y, x, dimensions_ * sizeof(float));
  std::fill(y + dimensions_, y + padded_, 0.0f);
  kernels.rotate(&plan_, y);
}

}  // namespace minnow
