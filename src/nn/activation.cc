// SPDX-License-Identifier: Apache-2.0
#include "nn/activation.h"

namespace minnow {

const char* ActivationName(Activation activation) {
  switch (activation) {
    case Activation::kGeluErf:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_tanh";
    case Activation::kRelu:
      return "relu";
    case Activation::kSilu:
      return "silu";
  }
  return "gelu";
}

MatmulActivation KernelActivation(Activation activation) {
  switch (activation) {
    case Activation::kGeluErf:
      return kMatmulGeluErf;
    case Activation::kGeluTanh:
      return kMatmulGeluTanh;
    case Activation::kRelu:
      return kMatmulRelu;
    case Activation::kSilu:
      return kMatmulSilu;
  }
  return kMatmulNone;
}

}  // namespace minnow
