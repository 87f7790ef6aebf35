// SPDX-License-Identifier: Apache-2.0
#include "models/unet/unet_model.h"

#include <utility>

#include "models/blocks/alternating_maps.h"
#include "models/unet/time_embedding.h"
#include "nn/token_rows.h"

namespace minnow {
namespace {

// One forward pass; a pass that plans is the same.
class Pass {
 public:
  Pass(ImageOps& ops, AlternatingMaps& maps, const UNetConfig& config, const UNetWeights& weights,
       const UNetInput& input)
      : ops_(ops), maps_(maps), config_(config), weights_(weights), input_(input) {}

  void Run(float* out) {
    TimeEmbedding time(ops_, config_, weights_, input_.timesteps, input_.guidance);
    time_ = &time;
    skips_.push_back(ConvolveIn());
    for (const UNetStage& stage : weights_.down) Down(stage);
    FeatureMap x = Mid();
    for (const UNetStage& stage : weights_.up) x = Up(stage, x);
    ConvolveOut(x, out);
  }

 private:
  FeatureMap ConvolveIn() {
    FeatureMap y = ops_.NewMap(input_.images, input_.height, input_.width, config_.base_channels());
    const ArenaScope scope(ops_.arena());
    FeatureMap x = ops_.NewMap(input_.images, input_.height, input_.width, config_.in_channels);
    ops_.FromPlanes(input_.latents, x);
    ops_.Convolve({.first = &x}, weights_.conv_in, {}, y);
    return y;
  }

  void Resnet(const ResnetWeights& resnet, const FeatureMap& x, const FeatureMap* skip,
              FeatureMap& y) {
    const ArenaScope scope(ops_.arena());
    RunResnet(ops_, resnet, x, skip, time_->PartOf(resnet.time), y);
  }

  void Transformer(const UNetTransformer& transformer, FeatureMap& x) {
    const size_t count = transformer.blocks.size();
    RunTransformer(ops_, transformer,
                   std::span(input_.prompt->key_values).subspan(next_key_value_, count), x);
    next_key_value_ += count;
  }

  void Down(const UNetStage& stage) {
    for (size_t j = 0; j < stage.resnets.size(); ++j) {
      const FeatureMap x = skips_.back();
      FeatureMap y = ops_.NewMap(x.images, x.height, x.width, stage.resnets[j].conv2.out_channels);
      Resnet(stage.resnets[j], x, nullptr, y);
      if (!stage.transformers.empty()) Transformer(stage.transformers[j], y);
      skips_.push_back(y);
    }
    if (!stage.has_sampler) return;
    const FeatureMap x = skips_.back();
    const ConvolutionInput input = {.first = &x};
    FeatureMap y = ops_.NewMapFor(input, stage.sampler);
    ops_.Convolve(input, stage.sampler, {}, y);
    skips_.push_back(y);
  }

  FeatureMap Mid() {
    const FeatureMap x = skips_.back();
    FeatureMap y = maps_.Like(x, x.channels);
    Resnet(weights_.mid[0], x, nullptr, y);
    Transformer(weights_.mid_transformer, y);
    Resnet(weights_.mid[1], y, nullptr, y);
    return y;
  }

  FeatureMap Up(const UNetStage& stage, FeatureMap x) {
    for (size_t j = 0; j < stage.resnets.size(); ++j) {
      const FeatureMap skip = skips_.back();
      skips_.pop_back();
      FeatureMap y = maps_.Like(x, stage.resnets[j].conv2.out_channels);
      Resnet(stage.resnets[j], x, &skip, y);
      if (!stage.transformers.empty()) Transformer(stage.transformers[j], y);
      x = y;
    }
    if (!stage.has_sampler) return x;
    // To the size of what the next block reads, which is not twice this one where that is odd.
    const FeatureMap& next = skips_.back();
    FeatureMap y = maps_.Next(x.type, x.images, next.height, next.width, x.channels);
    ops_.Convolve({.first = &x, .height = next.height, .width = next.width}, stage.sampler, {}, y);
    return y;
  }

  void ConvolveOut(const FeatureMap& x, float* out) {
    const ArenaScope scope(ops_.arena());
    const ConvolutionInput input = {
        .first = &x, .norm = &weights_.norm_out, .activation = Activation::kSilu};
    FeatureMap y = ops_.NewMapFor(input, weights_.conv_out);
    ops_.Convolve(input, weights_.conv_out, {}, y);
    ops_.ToPlanes(y, out);
  }

  ImageOps& ops_;
  AlternatingMaps& maps_;
  const UNetConfig& config_;
  const UNetWeights& weights_;
  const UNetInput& input_;
  TimeEmbedding* time_ = nullptr;
  std::vector<FeatureMap> skips_;
  size_t next_key_value_ = 0;
};

// Every transformer, in the order of computing.
template <class Visit>
void ForEachTransformer(const UNetWeights& weights, const Visit& visit) {
  for (const UNetStage& stage : weights.down) {
    for (const UNetTransformer& transformer : stage.transformers) visit(transformer);
  }
  visit(weights.mid_transformer);
  for (const UNetStage& stage : weights.up) {
    for (const UNetTransformer& transformer : stage.transformers) visit(transformer);
  }
}

}  // namespace

WeightList UNetModel::Weights() {
  return [this](WeightVisitor& visitor) { return VisitUNetWeights(config_, weights_, visitor); };
}

Result<std::unique_ptr<UNetModel>> UNetModel::Load(const PartSource& source, Dtype dtype) {
  MINNOW_ASSIGN_OR_RETURN(UNetConfig config, ParseUNetConfig(source.config, source.config_name));
  std::unique_ptr<UNetModel> model(new UNetModel(std::move(config)));
  MINNOW_ASSIGN_OR_RETURN(model->info_, LoadPart(source, dtype, model->Weights(), model->storage_));
  return model;
}

Result<std::unique_ptr<UNetModel>> UNetModel::Random(const UNetConfig& config, Dtype dtype,
                                                     size_t winograd_room_bytes) {
  std::unique_ptr<UNetModel> model(new UNetModel(config));
  MINNOW_ASSIGN_OR_RETURN(
      model->info_, RandomPart(dtype, model->Weights(), model->storage_, winograd_room_bytes));
  return model;
}

std::vector<PackedTensor> UNetModel::PackedTensors() const {
  // The list fills in places as well as it reads them; here it only reads.
  return PackPart(kUNetPart, const_cast<UNetModel*>(this)->Weights());
}

UNetPrompt UNetModel::PreparePrompt(ImageOps& ops, const float* hidden, size_t images,
                                    size_t tokens) const {
  UNetPrompt prompt;
  ForEachTransformer(weights_, [&](const UNetTransformer& transformer) {
    for (const UNetTransformerBlock& block : transformer.blocks) {
      prompt.key_values.push_back(
          ops.NewMap(images, 1, tokens, block.cross_key_value.weights().out_features));
    }
  });
  const ArenaScope scope(ops.arena());
  FeatureMap x = ops.NewMap(images, 1, tokens, config_.cross_attention_dim);
  RowsToMap(hidden, x);
  size_t next = 0;
  ForEachTransformer(weights_, [&](const UNetTransformer& transformer) {
    for (const UNetTransformerBlock& block : transformer.blocks) {
      ops.Product(x, nullptr, block.cross_key_value, Activation::kNone, nullptr,
                  prompt.key_values[next++]);
    }
  });
  return prompt;
}

void UNetModel::Forward(ImageOps& ops, const UNetInput& input, float* out) const {
  CHECK(input.timesteps.size() == input.images);
  CHECK(input.guidance.empty() || input.guidance.size() == input.images);
  RunWithAlternatingMaps(ops, [&](ImageOps& pass_ops, AlternatingMaps& maps) {
    Pass(pass_ops, maps, config_, weights_, input).Run(out);
  });
}

}  // namespace minnow
