// SPDX-License-Identifier: Apache-2.0
#include "models/weights/weight_matrix.h"

#include <array>
#include <vector>

#include "formats/json.h"
#include "models/weights/tensor_floats.h"
#include "nn/feature_map.h"

namespace minnow {
namespace {

// [O, I, 1, 1], as 1x1 convolutions are stored.
bool IsSqueezable(const TensorView& tensor) {
  return tensor.shape.size() == 4 && tensor.shape[2] == 1 && tensor.shape[3] == 1;
}

Result<WeightMatrix> Reorder(const TensorView& tensor, size_t taps) {
  MINNOW_RETURN_IF_ERROR(FloatTableType(tensor));
  if (!tensor.in_order()) {
    return Error{Code::kUnsupported, "tensor " + QuoteForMessage(tensor.name) +
                                         ": a convolution's weight that is quantised or turned"};
  }
  const auto rows = static_cast<size_t>(tensor.shape[0]);
  const auto channels = static_cast<size_t>(tensor.shape[1]);
  const size_t padded = RoundUpChannels(channels), inputs = taps * padded;
  TensorView flat = tensor;
  flat.shape = {tensor.shape[0], static_cast<int64_t>(channels * taps)};
  WeightMatrix matrix = {.view = {}, .reordered = AlignedBuffer<float>(rows * inputs)};
  std::vector<float> row(channels * taps);
  for (size_t n = 0; n < rows; ++n) {
    MINNOW_RETURN_IF_ERROR(CopyFloats(flat.Rows(static_cast<int64_t>(n), 1), row.data()));
    float* out = matrix.reordered.data() + n * inputs;
    for (size_t c = 0; c < channels; ++c) {
      for (size_t tap = 0; tap < taps; ++tap) out[tap * padded + c] = row[c * taps + tap];
    }
  }
  tensor.Release();
  matrix.view.name = tensor.name;
  matrix.view.shape = {tensor.shape[0], static_cast<int64_t>(inputs)};
  matrix.view.data = std::as_bytes(matrix.reordered.span());
  return matrix;
}

}  // namespace

Result<WeightMatrix> ReadWeightMatrix(const TensorSource& source, const std::string& name,
                                      size_t out_features, size_t in_features, size_t kernel) {
  const auto rows = static_cast<int64_t>(out_features);
  const auto columns = static_cast<int64_t>(in_features);
  const auto side = static_cast<int64_t>(kernel);
  if (kernel > 1) {
    const std::array<int64_t, 4> shape = {rows, columns, side, side};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, source.Get(name, shape));
    return Reorder(*tensor, kernel * kernel);
  }
  const TensorView* found = source.Find(name);
  if (found != nullptr && IsSqueezable(*found)) {
    const std::array<int64_t, 4> shape = {rows, columns, 1, 1};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, source.Get(name, shape));
    WeightMatrix matrix = {.view = *tensor, .reordered = {}};
    matrix.view.shape = {rows, columns};
    return matrix;
  }
  const std::array<int64_t, 2> shape = {rows, columns};
  MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, source.Get(name, shape));
  return WeightMatrix{.view = *tensor, .reordered = {}};
}

}  // namespace minnow
