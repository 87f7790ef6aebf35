// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/part.h"

#include <array>
#include <new>
#include <utility>

#include "models/weights/finite.h"
#include "models/weights/packed_weights.h"
#include "models/weights/parameter_counter.h"
#include "models/weights/random_weights.h"
#include "models/weights/winograd_weights.h"

namespace minnow {
namespace {

PartInfo InfoOf(const WeightList& list, Dtype dtype) {
  ParameterCounter counter;
  CHECK(list(counter).ok());  // counting cannot fail
  PartInfo info = {.dtype = dtype, .parameters = counter.count()};
  if (dtype == Dtype::kInt8) info.bf16_products = counter.sensitive_products();
  return info;
}

Result<bool> TakesWinograd(const WeightList& list, Dtype dtype, size_t room_bytes) {
  if (room_bytes == 0) return false;
  MINNOW_ASSIGN_OR_RETURN(const size_t bytes, StorageBytes(list, dtype, /*winograd=*/true));
  return bytes <= room_bytes;
}

// Makes Winograd's form of the convolutions that it suits, and lets the file's pages go.
class WinogradPackedReader : public PackedReader {
 public:
  WinogradPackedReader(const PackedFile& file, const std::string& prefix, Dtype dtype,
                       TableType embedding, WeightStorage& storage)
      : PackedReader(file, prefix, dtype, embedding),
        file_(file),
        prefix_(prefix),
        storage_(storage) {}

  Status Product(const ProductSpec& spec, Linear& linear) override {
    MINNOW_RETURN_IF_ERROR(PackedReader::Product(spec, linear));
    LinearWeights weights = linear.weights();
    if (!SuitsWinograd(spec)) return {};
    KeepWinograd(spec, weights, storage_);
    weights.weight = nullptr;
    linear = Linear(weights);
    const TensorView* tensor = file_.Find(prefix_ + spec.name + ".weight");
    tensor->Release();
    unused_bytes_ += tensor->data.size();
    return {};
  }

  size_t bytes() const { return PackedReader::bytes() - unused_bytes_ + storage_.bytes(); }

 private:
  const PackedFile& file_;
  const std::string prefix_;
  WeightStorage& storage_;
  size_t unused_bytes_ = 0;
};

// Looks at tables that stay where they are: a picture may be made of what is not finite in them.
class TableChecker : public ParameterCounter {
 public:
  explicit TableChecker(const TensorSource& source) : source_(source) {}

  Status Table(const WeightName& name, TableKind, size_t rows, size_t columns,
               EmbeddingTable&) override {
    const std::array<int64_t, 2> shape = {static_cast<int64_t>(rows),
                                          static_cast<int64_t>(columns)};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, source_.Get(name.stored + ".weight", shape));
    return CheckInPlace(*tensor);
  }

 private:
  const TensorSource& source_;
};

// Returns the weights' bytes.
Result<size_t> LoadPacked(const PartSource& source, Dtype dtype, const WeightList& list,
                          bool winograd, PartStorage& storage) {
  const PackedFile& packed = *source.packed;
  // Such models are in no file of the first versions, whose int8 needs more than the file.
  if (packed.header().version < 4)
    return Error{Code::kUnsupported, packed.path() + ": a diffusion model in an old version"};
  MINNOW_RETURN_IF_ERROR(PackedDtype(packed, {.dtype = dtype, .embedding = std::nullopt}));
  MINNOW_ASSIGN_OR_RETURN(const TableType embedding, PackedEmbedding(packed));
  const std::string prefix = packed.Prefix(source.component);
  PackedReader direct(packed, prefix, dtype, embedding);
  WinogradPackedReader faster(packed, prefix, dtype, embedding, storage.weights);
  PackedReader& reader = winograd ? faster : direct;
  MINNOW_RETURN_IF_ERROR(list(reader));
  storage.file = packed.checkpoint().files().front().get();
  storage.mapped = reader.range();
  return winograd ? faster.bytes() : direct.bytes();
}

}  // namespace

Result<PartInfo> LoadPart(const PartSource& source, Dtype dtype, const WeightList& list,
                          PartStorage& storage) {
  PartInfo info = InfoOf(list, dtype);
  MINNOW_ASSIGN_OR_RETURN(const bool winograd,
                          TakesWinograd(list, dtype, source.winograd_room_bytes));
  try {
    if (source.packed != nullptr) {
      storage.tensors = source.packed;
      MINNOW_ASSIGN_OR_RETURN(info.weight_bytes,
                              LoadPacked(source, dtype, list, winograd, storage));
    } else {
      storage.tensors = source.tensors;
      TableChecker tables(*source.tensors);
      MINNOW_RETURN_IF_ERROR(list(tables));
      MINNOW_ASSIGN_OR_RETURN(storage.weights, LoadWeights(*source.tensors,
                                                           {.prefix = "",
                                                            .dtype = dtype,
                                                            .embedding = source.embedding,
                                                            .calibration = nullptr,
                                                            .winograd = winograd},
                                                           list));
      info.weight_bytes = storage.weights.bytes();
    }
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, source.config_name + ": no memory for the packed weights"};
  }
  info.winograd = !storage.weights.winograd.empty();
  return info;
}

Result<PartInfo> RandomPart(Dtype dtype, const WeightList& list, PartStorage& storage,
                            size_t winograd_room_bytes) {
  PartInfo info = InfoOf(list, dtype);
  MINNOW_ASSIGN_OR_RETURN(const bool winograd, TakesWinograd(list, dtype, winograd_room_bytes));
  MINNOW_ASSIGN_OR_RETURN(storage.weights, RandomWeights(dtype, list, winograd));
  info.weight_bytes = storage.weights.bytes();
  info.winograd = !storage.weights.winograd.empty();
  return info;
}

std::vector<PackedTensor> PackPart(std::string_view component, const WeightList& list) {
  std::vector<PackedTensor> tensors;
  PackedWriter writer(std::string(component) + ".", tensors);
  CHECK(list(writer).ok());
  return tensors;
}

}  // namespace minnow
