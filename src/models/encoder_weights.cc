// SPDX-License-Identifier: Apache-2.0
// The one place where checkpoint names meet ours.
#include <array>
#include <new>

#include "models/encoder.h"
#include "models/tensor_floats.h"
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

// Floats that hold a packed Linear: weight, bias, and for int8 scale and sum.
size_t LinearFloats(Dtype dtype, size_t in_features, size_t out_features) {
  const size_t vectors = dtype == Dtype::kInt8 ? 3 : 1;
  const size_t weight_floats =
      (PackedWeightBytes(dtype, in_features, out_features) + sizeof(float) - 1) / sizeof(float);
  return PaddedColumns(weight_floats) + vectors * PaddedColumns(out_features);
}

// All floats that a model of this shape packs.
size_t StorageFloats(const EncoderConfig& config, Dtype dtype) {
  const size_t c = config.hidden_size, f = config.intermediate_size;
  const size_t layer = LinearFloats(dtype, c, 3 * c) + LinearFloats(dtype, c, c) +
                       LinearFloats(dtype, c, f) + LinearFloats(dtype, f, c) + 4 * PaddedColumns(c);
  return 2 * PaddedColumns(c) + config.num_hidden_layers * layer;
}

class Loader {
 public:
  Loader(const Checkpoint& checkpoint, const EncoderConfig& config, Dtype dtype,
         EncoderWeights& weights)
      : checkpoint_(checkpoint),
        config_(config),
        dtype_(dtype),
        weights_(weights),
        writer_(weights.storage) {}

  Status Load() {
    FindPrefix();
    const int64_t c = config_.hidden_size;
    MINNOW_RETURN_IF_ERROR(LoadTable("embeddings.word_embeddings.weight", config_.vocab_size,
                                     weights_.word_embeddings));
    MINNOW_RETURN_IF_ERROR(LoadTable("embeddings.position_embeddings.weight",
                                     config_.max_position_embeddings,
                                     weights_.position_embeddings));
    if (config_.type_vocab_size > 0) {
      MINNOW_RETURN_IF_ERROR(LoadTable("embeddings.token_type_embeddings.weight",
                                       config_.type_vocab_size, weights_.token_type_embeddings));
    }
    MINNOW_RETURN_IF_ERROR(LoadNorm("embeddings.LayerNorm", weights_.embeddings_norm));
    for (int i = 0; i < config_.num_hidden_layers; ++i) {
      const std::string layer = "encoder.layer." + std::to_string(i) + ".";
      EncoderLayerWeights& w = weights_.layers.emplace_back();
      const std::array<std::string, 3> qkv = {layer + "attention.self.query",
                                              layer + "attention.self.key",
                                              layer + "attention.self.value"};
      MINNOW_RETURN_IF_ERROR(LoadLinear(qkv, c, c, w.query_key_value));
      MINNOW_RETURN_IF_ERROR(
          LoadLinear({{layer + "attention.output.dense"}}, c, c, w.attention_output));
      MINNOW_RETURN_IF_ERROR(LoadNorm(layer + "attention.output.LayerNorm", w.attention_norm));
      MINNOW_RETURN_IF_ERROR(LoadLinear({{layer + "intermediate.dense"}}, c,
                                        config_.intermediate_size, w.intermediate));
      MINNOW_RETURN_IF_ERROR(
          LoadLinear({{layer + "output.dense"}}, config_.intermediate_size, c, w.output));
      MINNOW_RETURN_IF_ERROR(LoadNorm(layer + "output.LayerNorm", w.output_norm));
    }
    return Status();
  }

 private:
  // A bare encoder has no prefix; one saved inside a model with a head has its model type's.
  void FindPrefix() {
    for (const char* prefix : {"", "bert.", "roberta."}) {
      if (checkpoint_.Find(prefix + std::string("embeddings.word_embeddings.weight")) != nullptr)
        prefix_ = prefix;
    }
  }

  Status LoadTable(const std::string& name, int64_t rows, EmbeddingTable& table) {
    const std::array<int64_t, 2> shape = {rows, config_.hidden_size};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, checkpoint_.Get(prefix_ + name, shape));
    MINNOW_ASSIGN_OR_RETURN(const TableType type, FloatTableType(*tensor));
    table = EmbeddingTable(tensor->data.data(), type, rows, config_.hidden_size);
    return Status();
  }

  Status LoadVector(const std::string& name, int64_t size, float* out) {
    const std::array<int64_t, 1> shape = {size};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, checkpoint_.Get(prefix_ + name, shape));
    return CopyFloats(*tensor, out);
  }

  // TensorFlow's names for LayerNorm's parameters survive in old checkpoints.
  Status LoadNorm(const std::string& name, LayerNormWeights& norm) {
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

  // Linears of the same input, side by side as one.
  Status LoadLinear(std::span<const std::string> names, int64_t in_features, int64_t out_features,
                    Linear& linear) {
    const size_t columns = names.size() * out_features;
    PackedTarget target = {.dtype = dtype_};
    const size_t weight_bytes = PackedWeightBytes(dtype_, in_features, columns);
    target.weight = writer_.Take((weight_bytes + sizeof(float) - 1) / sizeof(float));
    float* bias = writer_.Take(columns);
    if (dtype_ == Dtype::kInt8) {
      target.scale = writer_.Take(columns);
      target.sum = writer_.Take(columns);
    }
    std::vector<const TensorView*> parts;
    for (size_t i = 0; i < names.size(); ++i) {
      const std::array<int64_t, 2> shape = {out_features, in_features};
      MINNOW_ASSIGN_OR_RETURN(const TensorView* weight,
                              checkpoint_.Get(prefix_ + names[i] + ".weight", shape));
      parts.push_back(weight);
      MINNOW_RETURN_IF_ERROR(LoadVector(names[i] + ".bias", out_features, bias + i * out_features));
    }
    MINNOW_RETURN_IF_ERROR(PackRows(parts, target));
    linear = Linear({.dtype = dtype_,
                     .in_features = static_cast<size_t>(in_features),
                     .out_features = columns,
                     .weight = target.weight,
                     .bias = bias,
                     .scale = target.scale,
                     .sum = target.sum});
    return Status();
  }

  const Checkpoint& checkpoint_;
  const EncoderConfig& config_;
  const Dtype dtype_;
  EncoderWeights& weights_;
  StorageWriter writer_;
  std::string prefix_;
};

}  // namespace

Result<EncoderWeights> LoadEncoderWeights(const Checkpoint& checkpoint, const EncoderConfig& config,
                                          Dtype dtype) {
  EncoderWeights weights;
  try {
    weights.storage = AlignedBuffer<float>(StorageFloats(config, dtype), PageSize::kHuge);
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, "no memory for " +
                                      std::to_string(StorageFloats(config, dtype) * sizeof(float)) +
                                      " bytes of packed weights"};
  }
  MINNOW_RETURN_IF_ERROR(Loader(checkpoint, config, dtype, weights).Load());
  return weights;
}

}  // namespace minnow
