// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/winograd.h"

#include <vector>

#include "base/check.h"
#include "kernels/dispatch.h"
#include "nn/image_ops.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

// G: what position i of a tile takes from the three taps of a line.
constexpr float kTaps[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};

}  // namespace

size_t WinogradPositionBytes(Dtype dtype, size_t in_channels, size_t out_channels) {
  return PackedWeightBytes(dtype, RoundUpChannels(in_channels), out_channels);
}

size_t WinogradWeightBytes(Dtype dtype, size_t in_channels, size_t out_channels) {
  return kMapWinogradPositions * WinogradPositionBytes(dtype, in_channels, out_channels);
}

void PackWinograd(const float* weight, size_t in_channels, size_t out_channels, Dtype dtype,
                  std::byte* out) {
  CHECK(dtype == Dtype::kF32 || dtype == Dtype::kBF16);
  const size_t inputs = RoundUpChannels(in_channels);
  const size_t bytes = WinogradPositionBytes(dtype, in_channels, out_channels);
  std::vector<float> position(out_channels * inputs);
  for (size_t p = 0; p < kMapWinogradPositions; ++p) {
    for (size_t o = 0; o < out_channels; ++o) {
      const float* of_output = weight + o * 9 * inputs;
      for (size_t c = 0; c < inputs; ++c) {
        float sum = 0;
        for (size_t tap = 0; tap < 9; ++tap)
          sum += kTaps[p / 4][tap / 3] * kTaps[p % 4][tap % 3] * of_output[tap * inputs + c];
        position[o * inputs + c] = sum;
      }
    }
    std::byte* to = out + p * bytes;
    if (dtype == Dtype::kF32)
      ActiveKernels().pack_f32(position.data(), out_channels, inputs, reinterpret_cast<float*>(to));
    else
      PackBf16(position.data(), out_channels, inputs, reinterpret_cast<uint16_t*>(to));
  }
}

}  // namespace minnow
