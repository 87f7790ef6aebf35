// SPDX-License-Identifier: Apache-2.0
// Bytes where the layouts are equal, else numbers, some rows at a time.
#include "models/onnx/shared_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "models/weights/tensor_floats.h"

namespace minnow {
namespace {

constexpr int64_t kRows = 16;  // read together, since a transposed matrix lies column by column

bool FitsRows(size_t count, const TensorView& tensor) {
  return count <= 1 || (!tensor.shape.empty() && count == static_cast<size_t>(tensor.shape[0]));
}

bool SameBytes(const TensorView& a, const TensorView& b) {
  return a.type == b.type && a.transposed == b.transposed && a.stride == b.stride &&
         std::ranges::equal(a.scales, b.scales) &&
         std::ranges::equal(a.zero_points, b.zero_points) && a.data.size() == b.data.size() &&
         (a.data.data() == b.data.data() ||
          std::memcmp(a.data.data(), b.data.data(), a.data.size()) == 0);
}

// What rounding may have changed a number by, at most.
float Step(const TensorView& tensor) {
  float most = 0;
  for (const float scale : tensor.scales) most = std::max(most, std::fabs(scale));
  return most;
}

}  // namespace

bool HasScalesOfRows(const TensorView& tensor) {
  return FitsRows(tensor.scales.size(), tensor) && FitsRows(tensor.zero_points.size(), tensor);
}

bool SameWeight(const TensorView& a, const TensorView& b) {
  if (a.shape != b.shape) return false;
  if (SameBytes(a, b)) return true;
  if (a.shape.empty() || !HasScalesOfRows(a) || !HasScalesOfRows(b)) return false;
  const float allowed = Step(a) + Step(b);
  std::vector<float> left, right;
  for (int64_t row = 0; row < a.shape[0]; row += kRows) {
    const int64_t count = std::min(kRows, a.shape[0] - row);
    const TensorView of_a = a.Rows(row, count), of_b = b.Rows(row, count);
    left.resize(static_cast<size_t>(of_a.elements()));
    right.resize(left.size());
    if (!CopyFloats(of_a, left.data()).ok() || !CopyFloats(of_b, right.data()).ok()) return false;
    for (size_t i = 0; i < left.size(); ++i) {
      if (!(std::fabs(left[i] - right[i]) <= allowed)) return false;
    }
  }
  return true;
}

}  // namespace minnow
