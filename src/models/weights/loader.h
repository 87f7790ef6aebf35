// SPDX-License-Identifier: Apache-2.0
// A checkpoint's tensors, packed into one storage.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "formats/tensor_source.h"
#include "models/weights/calibration.h"
#include "models/weights/tensor_floats.h"
#include "models/weights/visitor.h"

namespace minnow {

// What a model's weights are views of; those that need no conversion view the source instead.
struct WeightStorage {
  AlignedBuffer<float> floats;
  std::vector<ConvertedTable> tables;
  std::vector<AlignedBuffer<std::byte>> winograd;  // of one convolution each

  size_t bytes() const;
};

// Calls a visitor for every weight of a model.
using WeightList = std::function<Status(WeightVisitor&)>;

struct LoadOptions {
  std::string prefix;  // of every name in the source
  Dtype dtype = Dtype::kF32;
  std::optional<TableType> embedding;        // nullopt: tables are as in the source
  const Calibration* calibration = nullptr;  // of the same model; makes int8 better
  bool rough = false;  // int8 in a fraction of the time, good enough to measure inputs with
  PageSize page_size = PageSize::kHuge;
  bool winograd = false;  // convolutions that it suits (winograd_weights.h) in Winograd's form
};

// Floats that hold a Linear, for its parts each from a cache line on: weight, bias, and for int8
// scale, sum and input multiplier.
size_t LinearFloats(Dtype dtype, size_t in_features, size_t out_features);

// Bytes of a storage for what `list` lists, tables apart.
Result<size_t> StorageBytes(const WeightList& list, Dtype dtype, bool winograd);

// Fills in what `list` lists. LayerNorms may be called weight and bias, or gamma and beta. `source`
// must outlive the weights. Fails with kNotFound, kCorrupt or kUnsupported, naming the tensor, or
// kInternal where there is no memory.
Result<WeightStorage> LoadWeights(const TensorSource& source, const LoadOptions& options,
                                  const WeightList& list);

}  // namespace minnow
