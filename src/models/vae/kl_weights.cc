// SPDX-License-Identifier: Apache-2.0
// Which weights an AutoencoderKL has, under which names and of which sizes.
#include <string>

#include "models/vae/kl_vae.h"

namespace minnow {
namespace {

constexpr float kEpsilon = 1e-6f;

class KlLister {
 public:
  KlLister(const KlVaeConfig& config, WeightVisitor& visitor) : config_(config), list_(visitor) {}

  void Encoder(VaeHalf& half) {
    const size_t latents = 2 * config_.latent_channels;
    const auto& channels = config_.block_channels;
    list_.Conv("encoder.conv_in", {config_.image_channels, channels.front()}, half.conv_in);
    half.stages.resize(channels.size());
    size_t in = channels.front();
    for (size_t i = 0; i < channels.size(); ++i) {
      const std::string name = "encoder.down_blocks." + std::to_string(i);
      VaeStage& stage = half.stages[i];
      Resnets(name, config_.layers_per_block, in, channels[i], stage);
      in = channels[i];
      stage.has_sampler = i + 1 < channels.size();
      if (stage.has_sampler)
        list_.Conv(name + ".downsamplers.0.conv", {in, in, /*kernel=*/3, /*stride=*/2},
                   stage.sampler);
    }
    Mid("encoder.mid_block", half.mid);
    Norm("encoder.conv_norm_out", in, half.norm_out);
    list_.Conv("encoder.conv_out", {in, latents}, half.conv_out);
    if (config_.quant_conv)
      list_.Product("quant_conv", latents, latents, /*bias=*/true, half.quant);
  }

  void Decoder(VaeHalf& half) {
    const size_t latents = config_.latent_channels;
    const auto& channels = config_.block_channels;
    if (config_.post_quant_conv)
      list_.Product("post_quant_conv", latents, latents, /*bias=*/true, half.quant);
    size_t in = channels.back();
    list_.Conv("decoder.conv_in", {latents, in}, half.conv_in);
    Mid("decoder.mid_block", half.mid);
    half.stages.resize(channels.size());
    for (size_t i = 0; i < channels.size(); ++i) {
      const std::string name = "decoder.up_blocks." + std::to_string(i);
      VaeStage& stage = half.stages[i];
      const size_t out = channels[channels.size() - 1 - i];
      Resnets(name, config_.layers_per_block + 1, in, out, stage);
      in = out;
      stage.has_sampler = i + 1 < channels.size();
      if (stage.has_sampler) list_.Conv(name + ".upsamplers.0.conv", {in, in}, stage.sampler);
    }
    Norm("decoder.conv_norm_out", in, half.norm_out);
    list_.Conv("decoder.conv_out", {in, config_.image_channels}, half.conv_out);
  }

  const Status& status() const { return list_.status(); }

 private:
  void Norm(const std::string& name, size_t channels, GroupNorm& norm) {
    norm.groups = config_.groups;
    norm.epsilon = kEpsilon;
    list_.Norm(name, channels, norm);
  }

  void Resnet(const std::string& name, size_t in, size_t out, ResnetWeights& weights) {
    ListResnet(list_, name,
               {.in = in, .out = out, .time = 0, .groups = config_.groups, .epsilon = kEpsilon},
               weights);
  }

  void Resnets(const std::string& name, size_t count, size_t in, size_t out, VaeStage& stage) {
    stage.resnets.resize(count);
    for (size_t j = 0; j < count; ++j)
      Resnet(name + ".resnets." + std::to_string(j), j == 0 ? in : out, out, stage.resnets[j]);
  }

  void Mid(const std::string& name, VaeMid& mid) {
    const size_t c = config_.block_channels.back();
    Resnet(name + ".resnets.0", c, c, mid.resnets[0]);
    if (config_.mid_attention) {
      const std::string attention = name + ".attentions.0.";
      Norm(attention + "group_norm", c, mid.attention.norm);
      list_.Joined(attention + "to_qkv",
                   {attention + "to_q", attention + "to_k", attention + "to_v"}, c, c,
                   /*bias=*/true, mid.attention.query_key_value);
      list_.Product(attention + "to_out.0", c, c, /*bias=*/true, mid.attention.output);
    }
    Resnet(name + ".resnets.1", c, c, mid.resnets[1]);
  }

  const KlVaeConfig& config_;
  WeightLister list_;
};

}  // namespace

Status VisitKlVaeWeights(const KlVaeConfig& config, KlVaeWeights& weights, WeightVisitor& visitor) {
  KlLister list(config, visitor);
  list.Encoder(weights.encoder);
  list.Decoder(weights.decoder);
  return list.status();
}

}  // namespace minnow
