// SPDX-License-Identifier: Apache-2.0
// Which weights a UNet has, under which names and of which sizes.
#include "models/unet/weights.h"

#include <string>

namespace minnow {
namespace {

class UNetLister {
 public:
  UNetLister(const UNetConfig& config, WeightVisitor& visitor) : config_(config), list_(visitor) {}

  Status List(UNetWeights& weights) {
    const size_t c0 = config_.base_channels(), time = config_.time_embedding_dim;
    if (config_.time_cond_proj_dim != 0) {
      list_.Product("time_embedding.cond_proj", config_.time_cond_proj_dim, c0, /*bias=*/false,
                    weights.guidance);
    }
    list_.Product("time_embedding.linear_1", c0, time, /*bias=*/true, weights.time[0]);
    list_.Product("time_embedding.linear_2", time, time, /*bias=*/true, weights.time[1]);
    list_.Conv("conv_in", {config_.in_channels, c0}, weights.conv_in);
    ListDown(weights);
    ListMid(weights);
    ListUp(weights);
    weights.norm_out.groups = config_.groups;
    weights.norm_out.epsilon = config_.norm_epsilon;
    list_.Norm("conv_norm_out", c0, weights.norm_out);
    list_.Conv("conv_out", {c0, config_.out_channels}, weights.conv_out);
    return list_.status();
  }

 private:
  void Resnet(const std::string& name, size_t in, size_t out, ResnetWeights& weights) {
    ListResnet(list_, name,
               {.in = in,
                .out = out,
                .time = config_.time_embedding_dim,
                .groups = config_.groups,
                .epsilon = config_.norm_epsilon},
               weights);
  }

  void Transformer(const std::string& name, const UNetLevel& level, UNetTransformer& weights) {
    ListTransformer(list_, name,
                    {.channels = level.channels,
                     .heads = level.heads,
                     .layers = level.transformer_layers,
                     .prompt_channels = config_.cross_attention_dim,
                     .groups = config_.groups},
                    weights);
  }

  // inputs: channels of each resnet's input.
  void Stage(const std::string& name, const UNetLevel& level, bool attention,
             const std::vector<size_t>& inputs, UNetStage& stage) {
    stage.resnets.resize(inputs.size());
    stage.transformers.resize(attention ? inputs.size() : 0);
    for (size_t j = 0; j < inputs.size(); ++j) {
      const std::string number = std::to_string(j);
      Resnet(name + ".resnets." + number, inputs[j], level.channels, stage.resnets[j]);
      if (attention) Transformer(name + ".attentions." + number, level, stage.transformers[j]);
    }
  }

  void ListDown(UNetWeights& weights) {
    const size_t count = config_.levels.size();
    weights.down.resize(count);
    size_t channels = config_.base_channels();
    for (size_t i = 0; i < count; ++i) {
      const UNetLevel& level = config_.levels[i];
      const std::string name = "down_blocks." + std::to_string(i);
      UNetStage& stage = weights.down[i];
      std::vector<size_t> inputs(config_.layers_per_block, level.channels);
      inputs[0] = channels;
      Stage(name, level, config_.down_attention[i], inputs, stage);
      channels = level.channels;
      stage.has_sampler = i + 1 < count;
      if (stage.has_sampler) {
        list_.Conv(name + ".downsamplers.0.conv", {channels, channels, /*kernel=*/3, /*stride=*/2},
                   stage.sampler);
      }
    }
  }

  void ListMid(UNetWeights& weights) {
    const UNetLevel& level = config_.levels.back();
    Resnet("mid_block.resnets.0", level.channels, level.channels, weights.mid[0]);
    Transformer("mid_block.attentions.0", level, weights.mid_transformer);
    Resnet("mid_block.resnets.1", level.channels, level.channels, weights.mid[1]);
  }

  // Each resnet reads what the way down left: first this level's, last the level's before it.
  void ListUp(UNetWeights& weights) {
    const size_t count = config_.levels.size();
    weights.up.resize(count);
    size_t channels = config_.levels.back().channels;
    for (size_t i = 0; i < count; ++i) {
      const size_t at = count - 1 - i;
      const UNetLevel& level = config_.levels[at];
      const std::string name = "up_blocks." + std::to_string(i);
      UNetStage& stage = weights.up[i];
      std::vector<size_t> inputs(config_.layers_per_block + 1, 2 * level.channels);
      inputs.front() = channels + level.channels;
      inputs.back() += config_.levels[at == 0 ? 0 : at - 1].channels - level.channels;
      Stage(name, level, config_.up_attention[i], inputs, stage);
      channels = level.channels;
      stage.has_sampler = i + 1 < count;
      if (stage.has_sampler)
        list_.Conv(name + ".upsamplers.0.conv", {channels, channels}, stage.sampler);
    }
  }

  const UNetConfig& config_;
  WeightLister list_;
};

}  // namespace

Status VisitUNetWeights(const UNetConfig& config, UNetWeights& weights, WeightVisitor& visitor) {
  return UNetLister(config, visitor).List(weights);
}

}  // namespace minnow
