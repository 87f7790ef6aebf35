// SPDX-License-Identifier: Apache-2.0
#include "nn/activation.h"

namespace minnow {

const char* ActivationName(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return "none";
    case Activation::kGeluErf:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_tanh";
    case Activation::kRelu:
      return "relu";
    case Activation::kSilu:
      return "silu";
    case Activation::kQuickGelu:
      return "quick_gelu";
  }
  return "none";
}

MatmulActivation KernelActivation(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return kMatmulNone;
    case Activation::kGeluErf:
      return kMatmulGeluErf;
    case Activation::kGeluTanh:
      return kMatmulGeluTanh;
    case Activation::kRelu:
      return kMatmulRelu;
    case Activation::kSilu:
      return kMatmulSilu;
    case Activation::kQuickGelu:
      return kMatmulQuickGelu;
  }
  return kMatmulNone;
}

}  // namespace minnow
