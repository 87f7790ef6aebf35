// SPDX-License-Identifier: Apache-2.0
// Two passes over the list: one counts, one packs.
#include "models/weights/loader.h"

#include <array>
#include <new>
#include <utility>
#include <vector>

#include "models/weights/weight_matrix.h"
#include "models/weights/winograd_weights.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

// Hands out pieces of the weights' storage, each aligned to a cache line.
class StorageWriter {
 public:
  explicit StorageWriter(AlignedBuffer<float>& storage) : storage_(storage) {}
  float* Take(size_t floats) {
    float* piece = storage_.data() + used_;
    used_ += PaddedColumns(floats);
    CHECK(used_ <= storage_.size());
    return piece;
  }

 private:
  AlignedBuffer<float>& storage_;
  size_t used_ = 0;
};

// Of a Linear, what is not its weight.
size_t VectorFloats(Dtype dtype, size_t in_features, size_t out_features) {
  const size_t vectors = dtype == Dtype::kInt8 ? 3 : 1;
  return vectors * PaddedColumns(out_features) +
         (dtype == Dtype::kInt8 ? PaddedColumns(in_features) : 0);
}

// Counts the floats of a model's storage, and the bytes beside them.
class Counter : public WeightVisitor {
 public:
  Counter(Dtype dtype, bool winograd) : dtype_(dtype), winograd_(winograd) {}
  size_t floats() const { return floats_; }
  size_t winograd_bytes() const { return winograd_bytes_; }

  Status Table(const WeightName&, TableKind, size_t, size_t, EmbeddingTable&) override {
    return {};
  }
  Status Norm(const WeightName&, size_t channels, LayerNormWeights&) override {
    floats_ += 2 * PaddedColumns(channels);
    return {};
  }
  Status RmsNorm(const WeightName&, size_t channels, const float*&) override {
    floats_ += PaddedColumns(channels);
    return {};
  }
  Status Product(const ProductSpec& spec, Linear&) override {
    const Dtype dtype = spec.StoredAs(dtype_);
    if (winograd_ && SuitsWinograd(spec)) {
      floats_ += VectorFloats(dtype, spec.inputs(), spec.out_features);
      winograd_bytes_ += WinogradBytes(spec, dtype);
    } else {
      floats_ += LinearFloats(dtype, spec.inputs(), spec.out_features);
    }
    return {};
  }

 private:
  const Dtype dtype_;
  const bool winograd_;
  size_t floats_ = 0;
  size_t winograd_bytes_ = 0;
};

// Reads and packs a checkpoint's tensors.
class CheckpointReader : public WeightVisitor {
 public:
  CheckpointReader(const TensorSource& source, const LoadOptions& options, WeightStorage& storage)
      : source_(source),
        prefix_(options.prefix),
        dtype_(options.dtype),
        embedding_(options.embedding),
        calibration_(options.calibration),
        rough_(options.rough),
        winograd_(options.winograd),
        storage_(storage),
        writer_(storage.floats) {}

  Status Table(const WeightName& name, TableKind kind, size_t rows, size_t columns,
               EmbeddingTable& table) override {
    const std::array<int64_t, 2> shape = {static_cast<int64_t>(rows),
                                          static_cast<int64_t>(columns)};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor,
                            source_.Get(prefix_ + name.stored + ".weight", shape));
    MINNOW_ASSIGN_OR_RETURN(const TableType type, FloatTableType(*tensor));
    const TableType wanted = embedding_ ? StoredTableType(kind, *embedding_) : type;
    if (wanted != type || !tensor->plain()) {
      MINNOW_ASSIGN_OR_RETURN(ConvertedTable converted, ConvertTable(*tensor, wanted));
      table = converted.table();
      storage_.tables.push_back(std::move(converted));
    } else {
      table = EmbeddingTable(tensor->data.data(), type, rows, columns);
      table.ReadLargeFrom(tensor->file);
    }
    return Status();
  }

  // TensorFlow's names for LayerNorm's parameters survive in old checkpoints.
  Status Norm(const WeightName& name, size_t channels, LayerNormWeights& norm) override {
    const bool old_names = source_.Find(prefix_ + name.stored + ".gamma") != nullptr;
    float* gamma = writer_.Take(channels);
    float* beta = writer_.Take(channels);
    MINNOW_RETURN_IF_ERROR(
        LoadVector(name.stored + (old_names ? ".gamma" : ".weight"), channels, gamma));
    MINNOW_RETURN_IF_ERROR(
        LoadVector(name.stored + (old_names ? ".beta" : ".bias"), channels, beta));
    norm = {gamma, beta};
    return Status();
  }

  Status RmsNorm(const WeightName& name, size_t channels, const float*& weight) override {
    float* values = writer_.Take(channels);
    weight = values;
    return LoadVector(name.stored + ".weight", channels, values);
  }

  Status Product(const ProductSpec& spec, Linear& linear) override {
    const size_t in_features = spec.inputs(), out_features = spec.out_features;
    const Dtype dtype = spec.StoredAs(dtype_);
    PackedTarget target = {.dtype = dtype};
    const size_t weight_bytes = PackedWeightBytes(dtype, in_features, out_features);
    const size_t weight_floats = (weight_bytes + sizeof(float) - 1) / sizeof(float);
    const bool winograd = winograd_ && SuitsWinograd(spec);
    AlignedBuffer<float> direct(winograd ? weight_floats : 0);
    target.weight = winograd ? direct.data() : writer_.Take(weight_floats);
    float* bias = writer_.Take(out_features);
    float* multiplier = nullptr;
    if (dtype == Dtype::kInt8) {
      target.inputs.search = !rough_;
      target.scale = writer_.Take(out_features);
      target.sum = writer_.Take(out_features);
      target.bias = bias;
      multiplier = writer_.Take(in_features);
    }
    const size_t part_features = out_features / spec.parts.size();
    std::vector<WeightMatrix> matrices;
    for (size_t i = 0; i < spec.parts.size(); ++i) {
      MINNOW_ASSIGN_OR_RETURN(WeightMatrix matrix,
                              ReadWeightMatrix(source_, prefix_ + spec.parts[i] + ".weight",
                                               part_features, spec.in_features, spec.kernel));
      matrices.push_back(std::move(matrix));
      if (!spec.bias) continue;
      MINNOW_RETURN_IF_ERROR(
          LoadVector(spec.parts[i] + ".bias", part_features, bias + i * part_features));
    }
    std::vector<const TensorView*> tensors;
    for (const WeightMatrix& matrix : matrices) tensors.push_back(&matrix.view);
    std::vector<float> spread;
    if (dtype == Dtype::kInt8) {
      MINNOW_ASSIGN_OR_RETURN(spread, Spread(spec.name, tensors, in_features, target.inputs));
      for (size_t k = 0; k < in_features; ++k) multiplier[k] = 1.0f / spread[k];
    }
    MINNOW_RETURN_IF_ERROR(PackRows(tensors, target));
    LinearWeights weights = {.dtype = dtype,
                             .in_features = in_features,
                             .out_features = out_features,
                             .weight = target.weight,
                             .bias = bias,
                             .scale = target.scale,
                             .sum = target.sum,
                             .int16_safe = true,
                             .input_multiplier = multiplier};
    if (winograd) {
      KeepWinograd(spec, weights, storage_);
      weights.weight = nullptr;
    }
    linear = Linear(weights);
    return Status();
  }

 private:
  // What calibration knows of the product's inputs, of which `inputs` borrows: the result must
  // outlive it. Without calibration: ones.
  Result<std::vector<float>> Spread(const std::string& name,
                                    std::span<const TensorView* const> tensors, size_t in_features,
                                    Int8Inputs& inputs) {
    std::vector<float> spread(in_features, 1.0f);
    if (calibration_ != nullptr) {
      const auto found = calibration_->find(name);
      CHECK(found != calibration_->end() && found->second.most.size() == in_features);
      std::vector<float> widest(in_features);
      MINNOW_RETURN_IF_ERROR(ColumnMagnitudes(tensors, widest.data()));
      SpreadInputs(found->second.most.data(), widest.data(), in_features, spread.data());
      inputs.mean = found->second.mean.data();
    }
    inputs.spread = spread.data();
    return spread;
  }

  Status LoadVector(const std::string& name, size_t size, float* out) {
    const std::array<int64_t, 1> shape = {static_cast<int64_t>(size)};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, source_.Get(prefix_ + name, shape));
    return CopyFloats(*tensor, out);
  }

  const TensorSource& source_;
  const std::string& prefix_;
  const Dtype dtype_;
  const std::optional<TableType> embedding_;
  const Calibration* const calibration_;
  const bool rough_;
  const bool winograd_;
  WeightStorage& storage_;
  StorageWriter writer_;
};

}  // namespace

size_t WeightStorage::bytes() const {
  size_t total = floats.size_bytes();
  for (const ConvertedTable& table : tables)
    total += table.data.size_bytes() + table.scales.size_bytes();
  for (const AlignedBuffer<std::byte>& weight : winograd) total += weight.size_bytes();
  return total;
}

size_t LinearFloats(Dtype dtype, size_t in_features, size_t out_features) {
  const size_t weight_floats =
      (PackedWeightBytes(dtype, in_features, out_features) + sizeof(float) - 1) / sizeof(float);
  return PaddedColumns(weight_floats) + VectorFloats(dtype, in_features, out_features);
}

Result<size_t> StorageBytes(const WeightList& list, Dtype dtype, bool winograd) {
  Counter counter(dtype, winograd);
  MINNOW_RETURN_IF_ERROR(list(counter));
  return counter.floats() * sizeof(float) + counter.winograd_bytes();
}

Result<WeightStorage> LoadWeights(const TensorSource& source, const LoadOptions& options,
                                  const WeightList& list) {
  Counter counter(options.dtype, options.winograd);
  MINNOW_RETURN_IF_ERROR(list(counter));
  WeightStorage storage;
  try {
    storage.floats = AlignedBuffer<float>(counter.floats(), options.page_size);
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, "no memory for " +
                                      std::to_string(counter.floats() * sizeof(float)) +
                                      " bytes of packed weights"};
  }
  CheckpointReader reader(source, options, storage);
  MINNOW_RETURN_IF_ERROR(list(reader));
  return storage;
}

}  // namespace minnow
