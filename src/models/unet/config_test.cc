// SPDX-License-Identifier: Apache-2.0
// Configurations of diffusers, honest and hostile, and how many weights they make.
#include "models/unet/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/unet/weights.h"
#include "models/weights/parameter_counter.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Stable Diffusion 1.5's, with `more` behind it: of a field given twice the last counts.
std::string Sd1(const std::string& more = "") {
  return R"({"_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": 8,
    "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": false,
    "cross_attention_dim": 768, "down_block_types": ["CrossAttnDownBlock2D",
    "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"], "downsample_padding": 1,
    "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
    "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 4,
    "sample_size": 64, "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D",
    "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"])" +
         (more.empty() ? "" : ", " + more) + "}";
}

std::string ErrorOf(const std::string& more) {
  const auto config = ParseUNetConfig(Sd1(more), "config.json");
  return config.ok() ? "(accepted)" : config.error().message;
}

size_t Parameters(const UNetConfig& config) {
  UNetWeights weights;
  ParameterCounter counter;
  EXPECT_TRUE(VisitUNetWeights(config, weights, counter).ok());
  return counter.count();
}

TEST(UNetConfig, StableDiffusion1) {
  const auto config = ParseUNetConfig(Sd1(), "config.json");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->levels.size(), 4u);
  EXPECT_EQ(config->levels[3].heads, 8u);
  EXPECT_THAT(config->down_attention, ElementsAre(true, true, true, false));
  EXPECT_THAT(config->up_attention, ElementsAre(false, true, true, true));
  EXPECT_EQ(config->time_embedding_dim, 1280u);
  EXPECT_EQ(Parameters(*config), 859520964u);
}

TEST(UNetConfig, StableDiffusion2AndOthers) {
  const auto config =
      ParseUNetConfig(Sd1(R"("attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024,
             "use_linear_projection": true, "dual_cross_attention": false, "num_class_embeds": null,
             "upcast_attention": true, "only_cross_attention": false, "sample_size": 96)"),
                      "config.json");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->levels[1].heads, 10u);
  EXPECT_EQ(config->sample_size, 96u);
  EXPECT_EQ(Parameters(*config), 865910724u);
  EXPECT_EQ(ParseUNetConfig(Sd1(R"("in_channels": 9)"), "")->in_channels, 9u);
  EXPECT_EQ(ParseUNetConfig(Sd1(R"("time_cond_proj_dim": 256)"), "")->time_cond_proj_dim, 256u);
  // What the other field is called after is what it means.
  EXPECT_EQ(ParseUNetConfig(Sd1(R"("num_attention_heads": 4)"), "")->levels[0].heads, 4u);
}

TEST(UNetConfig, OtherModelsAreRefusedByName) {
  EXPECT_THAT(ErrorOf(R"("_class_name": "FluxTransformer2DModel")"), HasSubstr("Flux"));
  EXPECT_THAT(ErrorOf(R"("addition_embed_type": "text_time")"),
              HasSubstr("config.json: addition_embed_type: \"text_time\" is not supported"));
  EXPECT_THAT(ErrorOf(R"("mid_block_type": null)"), HasSubstr("mid_block_type"));
  EXPECT_THAT(ErrorOf(R"("mid_block_type": "UNetMidBlock2DSimpleCrossAttn")"),
              HasSubstr("UNetMidBlock2DSimpleCrossAttn"));
  EXPECT_THAT(ErrorOf(R"("down_block_types": ["DownBlock2D", "DownBlock2D", "DownBlock2D",
                        "AttnDownBlock2D"])"),
              HasSubstr("down_block_types[3]: \"AttnDownBlock2D\" is not supported"));
  EXPECT_THAT(ErrorOf(R"("conv_in_kernel": 1)"), HasSubstr("known: 3"));
  EXPECT_THAT(ErrorOf(R"("resnet_time_scale_shift": "scale_shift")"), HasSubstr("scale_shift"));
  EXPECT_THAT(ErrorOf(R"("act_fn": "mish")"), HasSubstr("mish"));
  EXPECT_THAT(ErrorOf(R"("layers_per_block": [2, 2, 2, 1])"), HasSubstr("layers_per_block"));
  EXPECT_THAT(ErrorOf(R"("only_cross_attention": true)"), HasSubstr("only_cross_attention"));
}

TEST(UNetConfig, HostileValues) {
  EXPECT_THAT(ErrorOf(R"("norm_num_groups": 0)"), HasSubstr("norm_num_groups"));
  EXPECT_THAT(ErrorOf(R"("norm_num_groups": 33)"), HasSubstr("not divisible by norm_num_groups"));
  EXPECT_THAT(ErrorOf(R"("norm_num_groups": 1, "block_out_channels": [3, 640, 1280, 1280])"),
              HasSubstr("block_out_channels 3"));
  EXPECT_THAT(ErrorOf(R"("attention_head_dim": 7)"), HasSubstr("7 attention heads"));
  EXPECT_THAT(ErrorOf(R"("attention_head_dim": 0)"), HasSubstr("attention_head_dim"));
  EXPECT_THAT(ErrorOf(R"("attention_head_dim": [8, 8])"), HasSubstr("expected 4 numbers"));
  EXPECT_THAT(ErrorOf(R"("block_out_channels": [])"), HasSubstr("expected 1 to 8 numbers"));
  EXPECT_THAT(ErrorOf(R"("block_out_channels": [320, 640])"), HasSubstr("down_block_types"));
  EXPECT_THAT(ErrorOf(R"("block_out_channels": [1000000000, 640, 1280, 1280])"),
              HasSubstr("block_out_channels[0]"));
  EXPECT_THAT(ErrorOf(R"("in_channels": -4)"), HasSubstr("in_channels"));
  EXPECT_THAT(ErrorOf(R"("norm_eps": 0)"), HasSubstr("norm_eps"));
  EXPECT_THAT(ErrorOf(R"("freq_shift": 160)"), HasSubstr("freq_shift"));
  EXPECT_THAT(ErrorOf(R"("time_cond_proj_dim": 2)"), HasSubstr("time_cond_proj_dim"));
  EXPECT_THAT(ErrorOf(R"("up_block_types": 3)"), HasSubstr("up_block_types"));
  EXPECT_THAT(ParseUNetConfig("[]", "c").error().message, HasSubstr("expected an object"));
  EXPECT_THAT(ParseUNetConfig("{", "c").error().message, HasSubstr("c:"));
}

}  // namespace
}  // namespace minnow
