// SPDX-License-Identifier: Apache-2.0
#include "models/vae/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/vae/kl_vae.h"
#include "models/weights/parameter_counter.h"

namespace minnow {
namespace {

using testing::HasSubstr;

std::string Kl(const std::string& more = "") {
  return R"({"_class_name": "AutoencoderKL", "act_fn": "silu",
    "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D",
    "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"], "in_channels": 3,
    "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3,
    "sample_size": 512, "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D",
    "UpDecoderBlock2D", "UpDecoderBlock2D"])" +
         (more.empty() ? "" : ", " + more) + "}";
}

std::string KlError(const std::string& more) {
  const auto config = ParseKlVaeConfig(Kl(more), "config.json");
  return config.ok() ? "(accepted)" : config.error().message;
}

std::string TinyError(const std::string& fields) {
  const auto config = ParseTinyVaeConfig("{" + fields + "}", "config.json");
  return config.ok() ? "(accepted)" : config.error().message;
}

TEST(VaeConfig, StableDiffusion1) {
  const auto config = ParseKlVaeConfig(Kl(), "config.json");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_FLOAT_EQ(config->scaling_factor, 0.18215f);
  EXPECT_TRUE(config->mid_attention && config->quant_conv);
  KlVaeWeights weights;
  ParameterCounter counter;
  ASSERT_TRUE(VisitKlVaeWeights(*config, weights, counter).ok());
  // Both halves, and their 1x1 convolutions among them.
  EXPECT_EQ(counter.count(), 49490199u + 34163664u);
}

TEST(VaeConfig, HostileValues) {
  EXPECT_THAT(KlError(R"("norm_num_groups": 0)"), HasSubstr("norm_num_groups"));
  EXPECT_THAT(KlError(R"("norm_num_groups": 3)"), HasSubstr("not divisible by norm_num_groups 3"));
  EXPECT_THAT(KlError(R"("block_out_channels": [])"), HasSubstr("block_out_channels"));
  EXPECT_THAT(KlError(R"("block_out_channels": [1, 2, 3, 4], "norm_num_groups": 1)"),
              HasSubstr("block_out_channels 1 is not divisible by 8"));
  EXPECT_THAT(KlError(R"("down_block_types": ["AttnDownEncoderBlock2D", "DownEncoderBlock2D",
                        "DownEncoderBlock2D", "DownEncoderBlock2D"])"),
              HasSubstr("down_block_types[0]"));
  EXPECT_THAT(KlError(R"("up_block_types": ["UpDecoderBlock2D"])"), HasSubstr("up_block_types"));
  EXPECT_THAT(KlError(R"("latents_mean": [0])"), HasSubstr("latents_mean"));
  EXPECT_THAT(KlError(R"("scaling_factor": 0)"), HasSubstr("scaling_factor"));
  EXPECT_THAT(KlError(R"("in_channels": 4)"), HasSubstr("differ"));
  EXPECT_THAT(KlError(R"("_class_name": "AutoencoderTiny")"), HasSubstr("AutoencoderTiny"));
}

TEST(VaeConfig, Tiny) {
  EXPECT_TRUE(IsTinyVaeConfig(R"({"_class_name": "AutoencoderTiny"})"));
  EXPECT_FALSE(IsTinyVaeConfig(Kl()));
  EXPECT_FALSE(IsTinyVaeConfig("{"));
  EXPECT_EQ(TinyError(""), "(accepted)");
  EXPECT_THAT(TinyError(R"("act_fn": "gelu")"), HasSubstr("act_fn"));
  EXPECT_THAT(TinyError(R"("num_encoder_blocks": [1, 2])"), HasSubstr("different lengths"));
  EXPECT_THAT(TinyError(R"("encoder_block_out_channels": [64, 32, 64, 64])"),
              HasSubstr("encoder_block_out_channels"));
  EXPECT_THAT(TinyError(R"("decoder_block_out_channels": [32, 32, 32, 32])"), HasSubstr("differ"));
  EXPECT_THAT(TinyError(R"("upsampling_scaling_factor": 3)"), HasSubstr("known: 2"));
}

}  // namespace
}  // namespace minnow
