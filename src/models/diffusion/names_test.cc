// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/names.h"

#include <gtest/gtest.h>

namespace minnow {
namespace {

TEST(DiffusionNames, SingleFileUNet) {
  const auto name = [](const char* stored) { return SingleFileUNetName(stored, 2); };
  EXPECT_EQ(name("time_embed.2.bias"), "time_embedding.linear_2.bias");
  EXPECT_EQ(name("input_blocks.0.0.weight"), "conv_in.weight");
  EXPECT_EQ(name("input_blocks.1.0.in_layers.2.weight"), "down_blocks.0.resnets.0.conv1.weight");
  EXPECT_EQ(name("input_blocks.3.0.op.bias"), "down_blocks.0.downsamplers.0.conv.bias");
  EXPECT_EQ(name("input_blocks.5.1.transformer_blocks.0.attn1.to_q.weight"),
            "down_blocks.1.attentions.1.transformer_blocks.0.attn1.to_q.weight");
  EXPECT_EQ(name("middle_block.2.out_layers.3.weight"), "mid_block.resnets.1.conv2.weight");
  EXPECT_EQ(name("output_blocks.2.1.conv.weight"), "up_blocks.0.upsamplers.0.conv.weight");
  EXPECT_EQ(name("output_blocks.5.2.conv.weight"), "up_blocks.1.upsamplers.0.conv.weight");
  EXPECT_EQ(name("output_blocks.11.0.skip_connection.weight"),
            "up_blocks.3.resnets.2.conv_shortcut.weight");
  EXPECT_EQ(name("out.2.bias"), "conv_out.bias");
}

TEST(DiffusionNames, StrangeNamesAreNone) {
  for (const char* stored :
       {"", "input_blocks", "input_blocks.", "input_blocks.x.0.op.weight", "input_blocks.1.",
        "input_blocks.99999999999999999999.0.op.weight", "input_blocks.0.1.norm.weight",
        "input_blocks.-1.0.op.weight", "middle_block.7.norm.weight", "output_blocks.1.3.x",
        "input_blocks.1.0.unknown.weight", "label_emb.0.0.weight"}) {
    EXPECT_EQ(SingleFileUNetName(stored, 2), "") << stored;
  }
  EXPECT_EQ(SingleFileVaeName("encoder.down.9.block.0.norm1.weight", 4), "");
  EXPECT_EQ(SingleFileVaeName("loss.logvar", 4), "");
  EXPECT_EQ(OpenClipName("text_projection"), "");
  EXPECT_EQ(BareTaesdDecoderName("0.weight"), "");
  EXPECT_EQ(BareTaesdDecoderName("weight"), "");
}

TEST(DiffusionNames, SingleFileVae) {
  EXPECT_EQ(SingleFileVaeName("decoder.up.3.block.2.nin_shortcut.weight", 4),
            "decoder.up_blocks.0.resnets.2.conv_shortcut.weight");
  EXPECT_EQ(SingleFileVaeName("decoder.up.1.upsample.conv.bias", 4),
            "decoder.up_blocks.2.upsamplers.0.conv.bias");
  EXPECT_EQ(SingleFileVaeName("encoder.mid.attn_1.proj_out.weight", 4),
            "encoder.mid_block.attentions.0.to_out.0.weight");
  EXPECT_EQ(SingleFileVaeName("encoder.norm_out.weight", 4), "encoder.conv_norm_out.weight");
  EXPECT_EQ(SingleFileVaeName("quant_conv.weight", 4), "quant_conv.weight");
}

TEST(DiffusionNames, Folders) {
  EXPECT_EQ(TextEncoderName("text_model.final_layer_norm.bias"), "final_layer_norm.bias");
  EXPECT_EQ(TextEncoderName("final_layer_norm.bias"), "final_layer_norm.bias");
  EXPECT_EQ(VaeName("encoder.mid_block.attentions.0.proj_attn.bias"),
            "encoder.mid_block.attentions.0.to_out.0.bias");
  EXPECT_EQ(VaeName("encoder.mid_block.attentions.0.to_q.bias"),
            "encoder.mid_block.attentions.0.to_q.bias");
  EXPECT_EQ(BareTaesdDecoderName("19.weight"), "decoder.layers.18.weight");
  EXPECT_EQ(OpenClipName("transformer.resblocks.3.mlp.c_fc.weight"),
            "encoder.layers.3.mlp.fc1.weight");
}

}  // namespace
}  // namespace minnow
