// SPDX-License-Identifier: Apache-2.0
// The five ways to pool.
#include "models/heads/pooling.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace minnow {

void Pool(const Kernels& kernels, Pooling pooling, ConstRows hidden, size_t tokens, size_t channels,
          float* out) {
  const float count = static_cast<float>(tokens);
  switch (pooling) {
    case Pooling::kNone:  // Head does not come here
    case Pooling::kCls:
      std::memcpy(out, hidden.data, channels * sizeof(float));
      return;
    case Pooling::kLastToken:
      std::memcpy(out, hidden.data + (tokens - 1) * hidden.stride, channels * sizeof(float));
      return;
    case Pooling::kMean:
    case Pooling::kMeanSqrtLen: {
      kernels.sum_rows_f32(hidden.data, hidden.stride, tokens, channels, out);
      const float divisor = pooling == Pooling::kMean ? count : std::sqrt(count);
      for (size_t c = 0; c < channels; ++c) out[c] /= divisor;
      return;
    }
    case Pooling::kMax:
      std::memcpy(out, hidden.data, channels * sizeof(float));
      for (size_t t = 1; t < tokens; ++t) {
        for (size_t c = 0; c < channels; ++c)
          out[c] = std::max(out[c], hidden.data[t * hidden.stride + c]);
      }
      return;
  }
}

}  // namespace minnow
