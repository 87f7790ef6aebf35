// SPDX-License-Identifier: Apache-2.0
#include "models/vae/tiny_vae.h"

#include <algorithm>
#include <utility>

#include "models/blocks/alternating_maps.h"
#include "models/blocks/weight_lister.h"

namespace minnow {
namespace {

// Numbers layers as they stand in a torch.nn.Sequential: activations and resizing count too.
class TinyLister {
 public:
  TinyLister(const TinyVaeConfig& config, WeightVisitor& visitor)
      : config_(config), list_(visitor) {}

  void Encoder(TinyVaeHalf& half) {
    name_ = "encoder.layers.";
    layer_ = 0;
    const size_t c = config_.channels;
    Conv(config_.image_channels, c, half.conv_in);
    half.stages.resize(config_.encoder_blocks.size());
    for (size_t i = 0; i < half.stages.size(); ++i) {
      TinyVaeStage& stage = half.stages[i];
      stage.has_sampler = i > 0;
      if (stage.has_sampler) Sampler(/*stride=*/2, IsCoarse(i), stage);
      Blocks(config_.encoder_blocks[i], IsCoarse(i), stage);
    }
    Conv(c, config_.latent_channels, half.conv_out);
  }

  void Decoder(TinyVaeHalf& half) {
    name_ = "decoder.layers.";
    layer_ = 0;
    const size_t c = config_.channels;
    Conv(config_.latent_channels, c, half.conv_in);
    ++layer_;  // ReLU
    half.stages.resize(config_.decoder_blocks.size());
    for (size_t i = 0; i < half.stages.size(); ++i) {
      TinyVaeStage& stage = half.stages[i];
      const size_t halvings = half.stages.size() - 1 - i;
      Blocks(config_.decoder_blocks[i], IsCoarse(halvings), stage);
      stage.has_sampler = halvings > 0;
      if (!stage.has_sampler) continue;
      ++layer_;  // Upsample
      Sampler(/*stride=*/1, IsCoarse(halvings - 1), stage);
    }
    Conv(c, config_.image_channels, half.conv_out);
  }

  const Status& status() const { return list_.status(); }

 private:
  // Of a map whose sides are the picture's, halved so often: nearly all of what 8 bits lose is lost
  // in these, and they are a tenth of the work (docs/decisions/0091-int8-over-maps.md).
  static bool IsCoarse(size_t halvings) { return halvings >= 2; }

  void Conv(size_t in, size_t out, Convolution& convolution) {
    list_.Conv(name_ + std::to_string(layer_++), {in, out}, convolution);
  }
  void Sampler(size_t stride, bool sensitive, TinyVaeStage& stage) {
    const size_t c = config_.channels;
    list_.Conv(name_ + std::to_string(layer_++),
               {c, c, /*kernel=*/3, stride, /*bias=*/false, sensitive}, stage.sampler);
  }
  void Blocks(size_t count, bool sensitive, TinyVaeStage& stage) {
    const size_t c = config_.channels;
    stage.blocks.resize(count);
    for (TinyVaeBlock& block : stage.blocks) {
      const std::string name = name_ + std::to_string(layer_++) + ".conv.";
      for (size_t j = 0; j < block.size(); ++j)
        list_.Conv(name + std::to_string(2 * j), {c, c, 3, 1, /*bias=*/true, sensitive}, block[j]);
    }
  }

  const TinyVaeConfig& config_;
  WeightLister list_;
  std::string name_;
  size_t layer_ = 0;
};

Status VisitWeights(const TinyVaeConfig& config, TinyVaeWeights& weights, WeightVisitor& visitor) {
  TinyLister list(config, visitor);
  list.Encoder(weights.encoder);
  list.Decoder(weights.decoder);
  return list.status();
}

void RunBlock(ImageOps& ops, const TinyVaeBlock& block, FeatureMap& x) {
  const ArenaScope scope(ops.arena());
  FeatureMap a = ops.NewMap(x.images, x.height, x.width, x.channels);
  FeatureMap b = ops.NewMap(x.images, x.height, x.width, x.channels);
  ops.Convolve({.first = &x}, block[0], {.activation = Activation::kRelu}, a);
  ops.Convolve({.first = &a}, block[1], {.activation = Activation::kRelu}, b);
  ops.Convolve({.first = &b}, block[2], {.activation = Activation::kRelu, .residual = &x}, x);
}

void ConvolveOut(ImageOps& ops, const TinyVaeHalf& half, const FeatureMap& x, float* planes) {
  const ArenaScope scope(ops.arena());
  const ConvolutionInput input = {.first = &x};
  FeatureMap y = ops.NewMapFor(input, half.conv_out);
  ops.Convolve(input, half.conv_out, {}, y);
  ops.ToPlanes(y, planes);
}

}  // namespace

TinyVae::TinyVae(TinyVaeConfig config) : config_(std::move(config)) {
  info_.factor = size_t{1} << (config_.encoder_blocks.size() - 1);
  info_.image_channels = config_.image_channels;
  info_.latent_channels = config_.latent_channels;
  info_.has_variance = false;
  info_.scaling_factor = config_.scaling_factor;
  info_.shift_factor = config_.shift_factor;
}

WeightList TinyVae::Weights() {
  return [this](WeightVisitor& visitor) { return VisitWeights(config_, weights_, visitor); };
}

Result<std::unique_ptr<TinyVae>> TinyVae::Load(const PartSource& source, Dtype dtype) {
  MINNOW_ASSIGN_OR_RETURN(TinyVaeConfig config,
                          ParseTinyVaeConfig(source.config, source.config_name));
  std::unique_ptr<TinyVae> model(new TinyVae(std::move(config)));
  MINNOW_ASSIGN_OR_RETURN(model->info_.part,
                          LoadPart(source, dtype, model->Weights(), model->storage_));
  return model;
}

Result<std::unique_ptr<TinyVae>> TinyVae::Random(const TinyVaeConfig& config, Dtype dtype,
                                                 size_t winograd_room_bytes) {
  std::unique_ptr<TinyVae> model(new TinyVae(config));
  MINNOW_ASSIGN_OR_RETURN(
      model->info_.part, RandomPart(dtype, model->Weights(), model->storage_, winograd_room_bytes));
  return model;
}

std::vector<PackedTensor> TinyVae::PackedTensors() const {
  // The list fills in places as well as it reads them; here it only reads.
  return PackPart(kVaePart, const_cast<TinyVae*>(this)->Weights());
}

// The network sees pixels from 0 to 1.
void TinyVae::Encode(ImageOps& ops, const float* pixels, size_t images, size_t height, size_t width,
                     float* moments) const {
  CHECK(height > 0 && width > 0 && height % info_.factor == 0 && width % info_.factor == 0);
  const size_t values = images * config_.image_channels * height * width;
  RunWithAlternatingMaps(ops, [&](ImageOps& pass, AlternatingMaps& maps) {
    const TinyVaeHalf& half = weights_.encoder;
    FeatureMap x = maps.Next(pass.type(), images, height, width, config_.channels);
    {
      const ArenaScope scope(pass.arena());
      auto* unit = reinterpret_cast<float*>(pass.arena().Take(values * sizeof(float)));
      FeatureMap in = pass.NewMap(images, height, width, config_.image_channels);
      if (!pass.planning())
        std::transform(pixels, pixels + values, unit, [](float v) { return (v + 1.0f) / 2.0f; });
      pass.FromPlanes(unit, in);
      pass.Convolve({.first = &in}, half.conv_in, {}, x);
    }
    for (const TinyVaeStage& stage : half.stages) {
      if (stage.has_sampler) {
        FeatureMap y = maps.Next(x.type, images, x.height / 2, x.width / 2, x.channels);
        pass.Convolve({.first = &x}, stage.sampler, {}, y);
        x = y;
      }
      for (const TinyVaeBlock& block : stage.blocks) RunBlock(pass, block, x);
    }
    ConvolveOut(pass, half, x, moments);
  });
}

void TinyVae::Decode(ImageOps& ops, const float* latents, size_t images, size_t height,
                     size_t width, float* pixels) const {
  CHECK(height > 0 && width > 0);
  RunWithAlternatingMaps(ops, [&](ImageOps& pass, AlternatingMaps& maps) {
    const TinyVaeHalf& half = weights_.decoder;
    FeatureMap x = maps.Next(pass.type(), images, height, width, config_.channels);
    {
      const ArenaScope scope(pass.arena());
      FeatureMap in = pass.NewMap(images, height, width, config_.latent_channels);
      pass.FromPlanes(latents, in);
      pass.SoftClamp(in);
      pass.Convolve({.first = &in}, half.conv_in, {.activation = Activation::kRelu}, x);
    }
    for (const TinyVaeStage& stage : half.stages) {
      for (const TinyVaeBlock& block : stage.blocks) RunBlock(pass, block, x);
      if (!stage.has_sampler) continue;
      FeatureMap y = maps.Next(x.type, images, 2 * x.height, 2 * x.width, x.channels);
      pass.Convolve({.first = &x, .height = y.height, .width = y.width}, stage.sampler, {}, y);
      x = y;
    }
    ConvolveOut(pass, half, x, pixels);
  });
  if (ops.planning()) return;
  const size_t area = info_.factor * info_.factor * height * width;
  float* const end = pixels + images * config_.image_channels * area;
  std::transform(pixels, end, pixels, [](float v) { return 2.0f * v - 1.0f; });
}

}  // namespace minnow
