// SPDX-License-Identifier: Apache-2.0
// What happens to a matrix product's tile while it is in the cache. Included by files of
// instruction sets.
#pragma once

namespace minnow {

enum MatmulActivation {
  kMatmulNone = 0,
  kMatmulGeluErf,
  kMatmulGeluTanh,
  kMatmulRelu,
  kMatmulTanh,
  kMatmulSigmoid,
  kMatmulSilu,
  kMatmulQuickGelu  // x sigmoid(1.702 x)
};

}  // namespace minnow
