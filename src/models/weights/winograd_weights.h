// SPDX-License-Identifier: Apache-2.0
// Convolutions whose weights are kept in Winograd's form (nn/maps/winograd.h).
#pragma once

#include <cstddef>

#include "models/weights/loader.h"
#include "models/weights/visitor.h"

namespace minnow {

// Whether it is a convolution that the form makes faster.
bool SuitsWinograd(const ProductSpec& spec);

// Of its weight in that form.
size_t WinogradBytes(const ProductSpec& spec, Dtype dtype);

// Puts the weight of a convolution that it suits into `storage` in that form, and shows it to the
// convolution. direct: the Linear's; its weight is not needed afterwards. May throw std::bad_alloc.
void KeepWinograd(const ProductSpec& spec, const LinearWeights& direct, WeightStorage& storage);

}  // namespace minnow
