// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/part.h"

#include <new>
#include <utility>

#include "models/weights/packed_weights.h"
#include "models/weights/parameter_counter.h"
#include "models/weights/random_weights.h"

namespace minnow {
namespace {

size_t Parameters(const WeightList& list) {
  ParameterCounter counter;
  CHECK(list(counter).ok());  // counting cannot fail
  return counter.count();
}

Result<size_t> LoadPacked(const PartSource& source, Dtype dtype, const WeightList& list) {
  const PackedFile& packed = *source.packed;
  // Such models are in no file of the first versions, whose int8 needs more than the file.
  if (packed.header().version < 4)
    return Error{Code::kUnsupported, packed.path() + ": a diffusion model in an old version"};
  MINNOW_RETURN_IF_ERROR(PackedDtype(packed, {.dtype = dtype, .embedding = std::nullopt}));
  MINNOW_ASSIGN_OR_RETURN(const TableType embedding, PackedEmbedding(packed));
  PackedReader reader(packed, packed.Prefix(source.component), dtype, embedding);
  MINNOW_RETURN_IF_ERROR(list(reader));
  return reader.bytes();
}

}  // namespace

Result<PartInfo> LoadPart(const PartSource& source, Dtype dtype, const WeightList& list,
                          PartStorage& storage) {
  PartInfo info = {.dtype = dtype, .parameters = Parameters(list)};
  storage.tensors = source.tensors;
  if (source.packed != nullptr) {
    storage.tensors = source.packed;
    MINNOW_ASSIGN_OR_RETURN(info.weight_bytes, LoadPacked(source, dtype, list));
    return info;
  }
  try {
    MINNOW_ASSIGN_OR_RETURN(
        storage.weights,
        LoadWeights(
            *source.tensors,
            {.prefix = "", .dtype = dtype, .embedding = source.embedding, .calibration = nullptr},
            list));
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, source.config_name + ": no memory for the packed weights"};
  }
  info.weight_bytes = storage.weights.bytes();
  return info;
}

Result<PartInfo> RandomPart(Dtype dtype, const WeightList& list, PartStorage& storage) {
  PartInfo info = {.dtype = dtype, .parameters = Parameters(list)};
  MINNOW_ASSIGN_OR_RETURN(storage.weights, RandomWeights(dtype, list));
  info.weight_bytes = storage.weights.bytes();
  return info;
}

std::vector<PackedTensor> PackPart(std::string_view component, const WeightList& list) {
  std::vector<PackedTensor> tensors;
  PackedWriter writer(std::string(component) + ".", tensors);
  CHECK(list(writer).ok());
  return tensors;
}

}  // namespace minnow
