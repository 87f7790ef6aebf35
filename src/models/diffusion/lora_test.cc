// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/lora.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minnow {
namespace {

using testing::HasSubstr;

struct NameCase {
  const char* stored;
  const char* component;
  const char* tensor;
  LoraName::Role role;
};

TEST(LoraNames, OfEveryProgram) {
  using Role = LoraName::Role;
  const NameCase cases[] = {
      {"lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_q.lora_down.weight",
       "unet", "down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q.weight", Role::kDown},
      {"lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_attn2_to_out_0.lora_up.weight",
       "unet", "up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_out.0.weight", Role::kUp},
      {"lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj.alpha", "unet",
       "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight", Role::kAlpha},
      {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", "unet",
       "mid_block.attentions.0.proj_in.weight", Role::kDown},
      {"lora_unet_down_blocks_1_resnets_0_time_emb_proj.lora_up.weight", "unet",
       "down_blocks.1.resnets.0.time_emb_proj.weight", Role::kUp},
      {"lora_unet_up_blocks_0_upsamplers_0_conv.lora_up.weight", "unet",
       "up_blocks.0.upsamplers.0.conv.weight", Role::kUp},
      {"lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_up.weight", "unet",
       "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight", Role::kUp},
      {"lora_unet_input_blocks_1_0_in_layers_2.lora_up.weight", "unet",
       "down_blocks.0.resnets.0.conv1.weight", Role::kUp},
      {"lora_te_text_model_encoder_layers_11_self_attn_q_proj.lora_down.weight", "text_encoder",
       "encoder.layers.11.self_attn.q_proj.weight", Role::kDown},
      {"lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha", "text_encoder",
       "encoder.layers.0.mlp.fc1.weight", Role::kAlpha},
      {"unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k.lora_A.weight", "unet",
       "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_k.weight", Role::kDown},
      {"unet.conv_in.lora_B.default.weight", "unet", "conv_in.weight", Role::kUp},
      {"text_encoder.text_model.encoder.layers.3.self_attn.out_proj.lora_linear_layer.up.weight",
       "text_encoder", "encoder.layers.3.self_attn.out_proj.weight", Role::kUp},
      {"unet.up_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.up.weight",
       "unet", "up_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.weight", Role::kUp},
      {"mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_v_lora.down.weight", "unet",
       "mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight", Role::kDown},
  };
  for (const NameCase& c : cases) {
    const Result<LoraName> name = ParseLoraName(c.stored);
    ASSERT_TRUE(name.ok()) << c.stored << ": " << name.error().message;
    EXPECT_EQ(name->component, c.component) << c.stored;
    EXPECT_EQ(name->tensor, c.tensor) << c.stored;
    EXPECT_EQ(name->role, c.role) << c.stored;
  }
}

TEST(LoraNames, OfNone) {
  for (const char* stored :
       {"", ".alpha", "lora_unet_x.hada_w1_a", "lora_unet_conv_in.lokr_w1", "unet.conv_in.weight",
        "lora_unet_conv_in.dora_scale", "lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha",
        "lora_unet_conv_in.lora_mid.weight", "lora_unet_input_blocks_x.alpha",
        "transformer.blocks.0.lora_A.weight"}) {
    const Result<LoraName> name = ParseLoraName(stored);
    ASSERT_FALSE(name.ok()) << stored << ": " << name->tensor;
    EXPECT_EQ(name.error().code, Code::kUnsupported) << stored;
    EXPECT_THAT(name.error().message, HasSubstr("LoRA")) << stored;
  }
}

TEST(LoraOption, FileAndScale) {
  EXPECT_EQ(ParseLora("a.safetensors")->path, "a.safetensors");
  EXPECT_EQ(ParseLora("a.safetensors")->scale, 1);
  EXPECT_EQ(ParseLora("dir:x/a.safetensors:-0.5")->path, "dir:x/a.safetensors");
  EXPECT_EQ(ParseLora("dir:x/a.safetensors:-0.5")->scale, -0.5f);
  EXPECT_EQ(ParseLora("dir:x")->path, "dir:x");
  EXPECT_EQ(ParseLora("x:")->path, "x:");
  EXPECT_FALSE(ParseLora("x:nan").ok());
  EXPECT_FALSE(ParseLora("x:1e99").ok());
}

}  // namespace
}  // namespace minnow
