// SPDX-License-Identifier: Apache-2.0
// A checkpoint's tensors, packed into one storage.
#include <array>
#include <new>
#include <utility>
#include <vector>

#include "models/calibration.h"
#include "models/encoder.h"
#include "models/tensor_floats.h"
#include "models/weight_list.h"
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

// Floats that hold a packed Linear: weight, bias, and for int8 scale, sum and input multiplier.
size_t LinearFloats(Dtype dtype, size_t in_features, size_t out_features) {
  const size_t vectors = dtype == Dtype::kInt8 ? 3 : 1;
  const size_t weight_floats =
      (PackedWeightBytes(dtype, in_features, out_features) + sizeof(float) - 1) / sizeof(float);
  return PaddedColumns(weight_floats) + vectors * PaddedColumns(out_features) +
         (dtype == Dtype::kInt8 ? PaddedColumns(in_features) : 0);
}

// All floats that a model of this shape packs.
size_t StorageFloats(const EncoderConfig& config, Dtype dtype) {
  const size_t c = config.hidden_size, f = config.intermediate_size;
  const size_t layer = LinearFloats(dtype, c, 3 * c) + LinearFloats(dtype, c, c) +
                       LinearFloats(dtype, c, f) + LinearFloats(dtype, f, c) + 4 * PaddedColumns(c);
  return 2 * PaddedColumns(c) + config.num_hidden_layers * layer;
}

// Reads and packs a checkpoint's tensors.
class CheckpointReader : public WeightVisitor {
 public:
  CheckpointReader(const Checkpoint& checkpoint, const EncoderConfig& config, Dtype dtype,
                   std::optional<TableType> embedding, const Calibration* calibration,
                   EncoderWeights& weights)
      : checkpoint_(checkpoint),
        config_(config),
        dtype_(dtype),
        embedding_(embedding),
        calibration_(calibration),
        weights_(weights),
        writer_(weights.storage) {
    // A bare encoder has no prefix; one saved inside a model with a head has its model type's.
    for (const char* prefix : {"", "bert.", "roberta."}) {
      if (checkpoint_.Find(prefix + std::string("embeddings.word_embeddings.weight")) != nullptr)
        prefix_ = prefix;
    }
  }

  Status Table(const std::string& name, TableKind kind, size_t rows,
               EmbeddingTable& table) override {
    const std::array<int64_t, 2> shape = {static_cast<int64_t>(rows), config_.hidden_size};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor,
                            checkpoint_.Get(prefix_ + name + ".weight", shape));
    MINNOW_ASSIGN_OR_RETURN(const TableType type, FloatTableType(*tensor));
    const TableType wanted = embedding_ ? StoredTableType(kind, *embedding_) : type;
    if (wanted != type) {
      MINNOW_ASSIGN_OR_RETURN(ConvertedTable converted, ConvertTable(*tensor, wanted));
      table = converted.table();
      weights_.tables.push_back(std::move(converted));
    } else {
      table = EmbeddingTable(tensor->data.data(), type, rows, config_.hidden_size);
    }
    return Status();
  }

  // TensorFlow's names for LayerNorm's parameters survive in old checkpoints.
  Status Norm(const std::string& name, LayerNormWeights& norm) override {
    const bool old_names = checkpoint_.Find(prefix_ + name + ".gamma") != nullptr;
    float* gamma = writer_.Take(config_.hidden_size);
    float* beta = writer_.Take(config_.hidden_size);
    MINNOW_RETURN_IF_ERROR(
        LoadVector(name + (old_names ? ".gamma" : ".weight"), config_.hidden_size, gamma));
    MINNOW_RETURN_IF_ERROR(
        LoadVector(name + (old_names ? ".beta" : ".bias"), config_.hidden_size, beta));
    norm = {gamma, beta};
    return Status();
  }

  Status Product(const std::string& name, std::span<const std::string> parts, size_t in_features,
                 size_t out_features, Linear& linear) override {
    PackedTarget target = {.dtype = dtype_};
    const size_t weight_bytes = PackedWeightBytes(dtype_, in_features, out_features);
    target.weight = writer_.Take((weight_bytes + sizeof(float) - 1) / sizeof(float));
    float* bias = writer_.Take(out_features);
    float* multiplier = nullptr;
    if (dtype_ == Dtype::kInt8) {
      target.scale = writer_.Take(out_features);
      target.sum = writer_.Take(out_features);
      target.bias = bias;
      multiplier = writer_.Take(in_features);
    }
    const size_t part_features = out_features / parts.size();
    std::vector<const TensorView*> tensors;
    for (size_t i = 0; i < parts.size(); ++i) {
      const std::array<int64_t, 2> shape = {static_cast<int64_t>(part_features),
                                            static_cast<int64_t>(in_features)};
      MINNOW_ASSIGN_OR_RETURN(const TensorView* weight,
                              checkpoint_.Get(prefix_ + parts[i] + ".weight", shape));
      tensors.push_back(weight);
      MINNOW_RETURN_IF_ERROR(
          LoadVector(parts[i] + ".bias", part_features, bias + i * part_features));
    }
    std::vector<float> spread;
    if (dtype_ == Dtype::kInt8) {
      MINNOW_ASSIGN_OR_RETURN(spread, Spread(name, tensors, in_features, target.inputs));
      for (size_t k = 0; k < in_features; ++k) multiplier[k] = 1.0f / spread[k];
    }
    MINNOW_RETURN_IF_ERROR(PackRows(tensors, target));
    linear = Linear({.dtype = dtype_,
                     .in_features = in_features,
                     .out_features = out_features,
                     .weight = target.weight,
                     .bias = bias,
                     .scale = target.scale,
                     .sum = target.sum,
                     .light = true,
                     .input_multiplier = multiplier});
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
    MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, checkpoint_.Get(prefix_ + name, shape));
    return CopyFloats(*tensor, out);
  }

  const Checkpoint& checkpoint_;
  const EncoderConfig& config_;
  const Dtype dtype_;
  const std::optional<TableType> embedding_;
  const Calibration* const calibration_;
  EncoderWeights& weights_;
  StorageWriter writer_;
  std::string prefix_;
};

}  // namespace

Result<EncoderWeights> LoadEncoderWeights(const Checkpoint& checkpoint, const EncoderConfig& config,
                                          Dtype dtype, std::optional<TableType> embedding,
                                          const Calibration* calibration) {
  EncoderWeights weights;
  try {
    weights.storage = AlignedBuffer<float>(StorageFloats(config, dtype), PageSize::kHuge);
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, "no memory for " +
                                      std::to_string(StorageFloats(config, dtype) * sizeof(float)) +
                                      " bytes of packed weights"};
  }
  CheckpointReader reader(checkpoint, config, dtype, embedding, calibration, weights);
  MINNOW_RETURN_IF_ERROR(VisitWeights(config, weights, reader));
  return weights;
}

}  // namespace minnow
