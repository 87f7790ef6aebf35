// SPDX-License-Identifier: Apache-2.0
#include "models/weights/winograd_weights.h"

#include <algorithm>
#include <utility>

#include "nn/maps/winograd.h"

namespace minnow {
namespace {

// With fewer channels on one side, the transforms cost what the multiplications save.
constexpr size_t kFewestChannels = 64;

}  // namespace

bool SuitsWinograd(const ProductSpec& spec) {
  return spec.winograd != nullptr &&
         std::min(spec.in_features, spec.out_features) >= kFewestChannels;
}

size_t WinogradBytes(const ProductSpec& spec, Dtype dtype) {
  return WinogradWeightBytes(dtype, spec.in_features, spec.out_features);
}

void KeepWinograd(const ProductSpec& spec, const LinearWeights& direct, WeightStorage& storage) {
  AlignedBuffer<std::byte> weight(WinogradBytes(spec, direct.dtype), PageSize::kHuge);
  PackWinograd(direct, spec.in_features, spec.out_features, weight.data());
  *spec.winograd = weight.data();
  storage.winograd.push_back(std::move(weight));
}

}  // namespace minnow
