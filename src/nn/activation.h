// SPDX-License-Identifier: Apache-2.0
// Activation: what follows a product or a norm, as configurations name it.
#pragma once

#include "kernels/kernels.h"

namespace minnow {

enum class Activation { kNone, kGeluErf, kGeluTanh, kRelu, kSilu, kQuickGelu };

const char* ActivationName(Activation activation);  // "gelu", "gelu_tanh", "relu", ...

// The kernels' name of it.
MatmulActivation KernelActivation(Activation activation);

}  // namespace minnow
