// SPDX-License-Identifier: Apache-2.0
// Activation: what a feed-forward applies between its products, as configurations name it.
#pragma once

#include "kernels/kernels.h"

namespace minnow {

enum class Activation { kGeluErf, kGeluTanh, kRelu, kSilu };

const char* ActivationName(Activation activation);  // "gelu", "gelu_tanh", "relu", "silu"

// The kernels' name of it.
MatmulActivation KernelActivation(Activation activation);

}  // namespace minnow
