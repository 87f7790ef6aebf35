// SPDX-License-Identifier: Apache-2.0
#include "models/vae/kl_vae.h"

#include <utility>

#include "models/blocks/alternating_maps.h"

namespace minnow {
namespace {

void Attend(ImageOps& ops, const VaeAttention& attention, FeatureMap& x) {
  const ArenaScope scope(ops.arena());
  const size_t c = x.channels;
  FeatureMap qkv = ops.NewMap(x.images, x.height, x.width, 3 * c);
  FeatureMap normed = ops.NewMap(x.images, x.height, x.width, c);
  ops.Normalize(x, attention.norm, normed);
  ops.Product(normed, nullptr, attention.query_key_value, Activation::kNone, nullptr, qkv);
  FeatureMap& mixed = normed;  // not needed any more
  ops.Attend({&qkv, 0}, {&qkv, c}, {&qkv, 2 * c}, /*heads=*/1, /*causal=*/false, mixed);
  ops.Product(mixed, nullptr, attention.output, Activation::kNone, &x, x);
}

void RunMid(ImageOps& ops, const VaeMid& mid, bool attention, FeatureMap& x) {
  RunResnet(ops, mid.resnets[0], x, nullptr, nullptr, x);
  if (attention) Attend(ops, mid.attention, x);
  RunResnet(ops, mid.resnets[1], x, nullptr, nullptr, x);
}

FeatureMap RunResnets(ImageOps& ops, AlternatingMaps& maps, const VaeStage& stage, FeatureMap x) {
  for (const ResnetWeights& resnet : stage.resnets) {
    FeatureMap y = resnet.has_shortcut ? maps.Like(x, resnet.conv2.out_channels) : x;
    RunResnet(ops, resnet, x, nullptr, nullptr, y);
    x = y;
  }
  return x;
}

FeatureMap Downsample(ImageOps& ops, AlternatingMaps& maps, const VaeStage& stage,
                      const FeatureMap& x) {
  FeatureMap y = maps.Next(x.type, x.images, x.height / 2, x.width / 2, x.channels);
  ops.Convolve({.first = &x, .border = Border::kRightAndBottom}, stage.sampler, {}, y);
  return y;
}

FeatureMap Upsample(ImageOps& ops, AlternatingMaps& maps, const VaeStage& stage,
                    const FeatureMap& x) {
  FeatureMap y = maps.Next(x.type, x.images, 2 * x.height, 2 * x.width, x.channels);
  ops.Convolve({.first = &x, .height = y.height, .width = y.width}, stage.sampler, {}, y);
  return y;
}

// planes: [images, channels, height, width]. quant: null, or what comes before the convolution.
FeatureMap ConvolveIn(ImageOps& ops, AlternatingMaps& maps, const VaeHalf& half,
                      const Linear* quant, const float* planes, const FeatureMap& shape) {
  FeatureMap y = maps.Like(shape, half.conv_in.out_channels);
  const ArenaScope scope(ops.arena());
  FeatureMap x = ops.NewMap(shape.images, shape.height, shape.width, half.conv_in.in_channels);
  ops.FromPlanes(planes, x);
  if (quant != nullptr) {
    FeatureMap product = ops.NewMap(x.images, x.height, x.width, x.channels);
    ops.Product(x, nullptr, *quant, Activation::kNone, nullptr, product);
    x = product;
  }
  ops.Convolve({.first = &x}, half.conv_in, {}, y);
  return y;
}

// quant: null, or what comes after the convolution.
void ConvolveOut(ImageOps& ops, const VaeHalf& half, const Linear* quant, const FeatureMap& x,
                 float* planes) {
  const ArenaScope scope(ops.arena());
  const ConvolutionInput input = {
      .first = &x, .norm = &half.norm_out, .activation = Activation::kSilu};
  FeatureMap y = ops.NewMapFor(input, half.conv_out);
  ops.Convolve(input, half.conv_out, {}, y);
  if (quant != nullptr) {
    FeatureMap product = ops.NewMap(y.images, y.height, y.width, y.channels);
    ops.Product(y, nullptr, *quant, Activation::kNone, nullptr, product);
    y = product;
  }
  ops.ToPlanes(y, planes);
}

}  // namespace

KlVae::KlVae(KlVaeConfig config) : config_(std::move(config)) {
  info_.factor = size_t{1} << (config_.block_channels.size() - 1);
  info_.image_channels = config_.image_channels;
  info_.latent_channels = config_.latent_channels;
  info_.has_variance = true;
  info_.scaling_factor = config_.scaling_factor;
  info_.shift_factor = config_.shift_factor;
}

WeightList KlVae::Weights() {
  return [this](WeightVisitor& visitor) { return VisitKlVaeWeights(config_, weights_, visitor); };
}

Result<std::unique_ptr<KlVae>> KlVae::Load(const PartSource& source, Dtype dtype) {
  MINNOW_ASSIGN_OR_RETURN(KlVaeConfig config, ParseKlVaeConfig(source.config, source.config_name));
  std::unique_ptr<KlVae> model(new KlVae(std::move(config)));
  MINNOW_ASSIGN_OR_RETURN(model->info_.part,
                          LoadPart(source, dtype, model->Weights(), model->storage_));
  return model;
}

Result<std::unique_ptr<KlVae>> KlVae::Random(const KlVaeConfig& config, Dtype dtype,
                                             size_t winograd_room_bytes) {
  std::unique_ptr<KlVae> model(new KlVae(config));
  MINNOW_ASSIGN_OR_RETURN(
      model->info_.part, RandomPart(dtype, model->Weights(), model->storage_, winograd_room_bytes));
  return model;
}

std::vector<PackedTensor> KlVae::PackedTensors() const {
  // The list fills in places as well as it reads them; here it only reads.
  return PackPart(kVaePart, const_cast<KlVae*>(this)->Weights());
}

void KlVae::Encode(ImageOps& ops, const float* pixels, size_t images, size_t height, size_t width,
                   float* moments) const {
  CHECK(height > 0 && width > 0 && height % info_.factor == 0 && width % info_.factor == 0);
  RunWithAlternatingMaps(ops, [&](ImageOps& pass, AlternatingMaps& maps) {
    const VaeHalf& half = weights_.encoder;
    const FeatureMap shape = {nullptr, pass.type(), images, height, width, 0};
    FeatureMap x = ConvolveIn(pass, maps, half, nullptr, pixels, shape);
    for (const VaeStage& stage : half.stages) {
      x = RunResnets(pass, maps, stage, x);
      if (stage.has_sampler) x = Downsample(pass, maps, stage, x);
    }
    RunMid(pass, half.mid, config_.mid_attention, x);
    ConvolveOut(pass, half, config_.quant_conv ? &half.quant : nullptr, x, moments);
  });
}

void KlVae::Decode(ImageOps& ops, const float* latents, size_t images, size_t height, size_t width,
                   float* pixels) const {
  CHECK(height > 0 && width > 0);
  RunWithAlternatingMaps(ops, [&](ImageOps& pass, AlternatingMaps& maps) {
    const VaeHalf& half = weights_.decoder;
    const FeatureMap shape = {nullptr, pass.type(), images, height, width, 0};
    FeatureMap x = ConvolveIn(pass, maps, half, config_.post_quant_conv ? &half.quant : nullptr,
                              latents, shape);
    RunMid(pass, half.mid, config_.mid_attention, x);
    for (const VaeStage& stage : half.stages) {
      x = RunResnets(pass, maps, stage, x);
      if (stage.has_sampler) x = Upsample(pass, maps, stage, x);
    }
    ConvolveOut(pass, half, nullptr, x, pixels);
  });
}

}  // namespace minnow
