// SPDX-License-Identifier: Apache-2.0
#include "models/clip/clip_model.h"

#include <algorithm>

#include "base/check.h"
#include "models/blocks/weight_lister.h"
#include "nn/token_rows.h"

namespace minnow {
namespace {

Status VisitWeights(const ClipTextConfig& config, ClipTextWeights& weights,
                    WeightVisitor& visitor) {
  WeightLister list(visitor);
  const size_t c = config.hidden_size, inner = config.intermediate_size;
  list.Table("embeddings.token_embedding", TableKind::kWord, config.vocab_size, c, weights.tokens);
  list.Table("embeddings.position_embedding", TableKind::kPosition, config.positions, c,
             weights.positions);
  weights.layers.resize(config.layers);
  for (size_t i = 0; i < config.layers; ++i) {
    ClipLayer& layer = weights.layers[i];
    const std::string name = "encoder.layers." + std::to_string(i) + ".";
    const std::string attention = name + "self_attn.";
    layer.norm1.epsilon = layer.norm2.epsilon = config.layer_norm_epsilon;
    list.Norm(name + "layer_norm1", c, layer.norm1);
    list.Joined(attention + "qkv_proj",
                {attention + "q_proj", attention + "k_proj", attention + "v_proj"}, c, c,
                /*bias=*/true, layer.query_key_value);
    list.Product(attention + "out_proj", c, c, /*bias=*/true, layer.output);
    list.Norm(name + "layer_norm2", c, layer.norm2);
    list.Product(name + "mlp.fc1", c, inner, /*bias=*/true, layer.fc1);
    list.Product(name + "mlp.fc2", inner, c, /*bias=*/true, layer.fc2);
  }
  weights.final_norm.epsilon = config.layer_norm_epsilon;
  list.Norm("final_layer_norm", c, weights.final_norm);
  return list.status();
}

}  // namespace

WeightList ClipTextModel::Weights() {
  return [this](WeightVisitor& visitor) { return VisitWeights(config_, weights_, visitor); };
}

Result<std::unique_ptr<ClipTextModel>> ClipTextModel::Load(const PartSource& source, Dtype dtype) {
  MINNOW_ASSIGN_OR_RETURN(const ClipTextConfig config,
                          ParseClipTextConfig(source.config, source.config_name));
  std::unique_ptr<ClipTextModel> model(new ClipTextModel(config));
  MINNOW_ASSIGN_OR_RETURN(model->info_, LoadPart(source, dtype, model->Weights(), model->storage_));
  return model;
}

Result<std::unique_ptr<ClipTextModel>> ClipTextModel::Random(const ClipTextConfig& config,
                                                             Dtype dtype) {
  std::unique_ptr<ClipTextModel> model(new ClipTextModel(config));
  MINNOW_ASSIGN_OR_RETURN(model->info_, RandomPart(dtype, model->Weights(), model->storage_));
  return model;
}

std::vector<PackedTensor> ClipTextModel::PackedTensors() const {
  // The list fills in places as well as it reads them; here it only reads.
  return PackPart(kTextEncoderPart, const_cast<ClipTextModel*>(this)->Weights());
}

void ClipTextModel::Embed(ImageOps& ops, std::span<const int32_t> ids, FeatureMap& x) const {
  const ArenaScope scope(ops.arena());
  const size_t c = config_.hidden_size;
  auto* rows = reinterpret_cast<float*>(ops.arena().Take(x.pixels() * x.channels * sizeof(float)));
  if (ops.planning()) return;
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto id = static_cast<size_t>(ids[i]);
    CHECK(ids[i] >= 0 && id < config_.vocab_size);
    float* row = rows + i * c;
    std::fill_n(row, c, 0.0f);
    weights_.tokens.Add(ops.kernels(), id, row);
    weights_.positions.Add(ops.kernels(), i % config_.positions, row);
  }
  RowsToMap(rows, x);
}

void ClipTextModel::RunLayer(ImageOps& ops, const ClipLayer& layer, FeatureMap& x) const {
  const size_t c = config_.hidden_size;
  const auto like = [&](size_t channels) {
    return ops.NewMap(x.images, x.height, x.width, channels);
  };
  {
    const ArenaScope scope(ops.arena());
    FeatureMap qkv = like(3 * c), mixed = like(c);
    ops.Product(x, &layer.norm1, layer.query_key_value, Activation::kNone, nullptr, qkv);
    ops.Attend({&qkv, 0}, {&qkv, c}, {&qkv, 2 * c}, config_.heads, /*causal=*/true, mixed);
    ops.Product(mixed, nullptr, layer.output, Activation::kNone, &x, x);
  }
  const ArenaScope scope(ops.arena());
  FeatureMap inner = like(config_.intermediate_size);
  ops.Product(x, &layer.norm2, layer.fc1, config_.activation, nullptr, inner);
  ops.Product(inner, nullptr, layer.fc2, Activation::kNone, &x, x);
}

void ClipTextModel::Forward(ImageOps& ops, std::span<const int32_t> ids, size_t clip_skip,
                            float* out) const {
  CHECK(!ids.empty() && ids.size() % config_.positions == 0 && clip_skip < config_.layers);
  const ArenaScope scope(ops.arena());
  const size_t prompts = ids.size() / config_.positions;
  FeatureMap x = ops.NewMap(prompts, 1, config_.positions, config_.hidden_size);
  FeatureMap y = ops.NewMap(prompts, 1, config_.positions, config_.hidden_size);
  Embed(ops, ids, x);
  for (size_t i = 0; i + clip_skip < config_.layers; ++i) RunLayer(ops, weights_.layers[i], x);
  ops.Normalize(x, weights_.final_norm, y);
  MapToRows(y, out);
}

}  // namespace minnow
