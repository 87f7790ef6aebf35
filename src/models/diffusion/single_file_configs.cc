// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/single_file_configs.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "formats/json.h"
#include "models/diffusion/names.h"

namespace minnow {
namespace {

// Far above any in use: what is counted stops there.
constexpr size_t kMostBlocks = 200;

class Shapes {
 public:
  Shapes(const Checkpoint& checkpoint, std::string_view prefix)
      : checkpoint_(checkpoint), prefix_(prefix) {}

  bool Has(const std::string& name) const { return checkpoint_.Find(prefix_ + name) != nullptr; }

  // One size of a tensor; the first that is not there is remembered.
  size_t Size(const std::string& name, size_t axis) {
    const TensorView* tensor = checkpoint_.Find(prefix_ + name);
    if (tensor != nullptr && axis < tensor->shape.size())
      return static_cast<size_t>(tensor->shape[axis]);
    if (missing_.empty()) missing_ = prefix_ + name;
    return 0;
  }
  // How many of NAME0END, NAME1END, ... there are.
  size_t Count(const std::string& name, const std::string& end) const {
    size_t count = 0;
    while (count < kMostBlocks && Has(name + std::to_string(count) + end)) ++count;
    return count;
  }

  Status status() const {
    if (missing_.empty()) return {};
    return Error{Code::kCorrupt, checkpoint_.name() + ": no tensor " + QuoteForMessage(missing_) +
                                     " of the shape that Stable Diffusion has"};
  }

 private:
  const Checkpoint& checkpoint_;
  const std::string prefix_;
  std::string missing_;
};

void Sizes(JsonWriter& json, std::string_view key, const std::vector<size_t>& sizes) {
  json.Key(key);
  json.BeginArray();
  for (const size_t size : sizes) json.Uint(size);
  json.EndArray();
}

void Names(JsonWriter& json, std::string_view key, const std::vector<bool>& attention,
           std::string_view plain, std::string_view with_attention) {
  json.Key(key);
  json.BeginArray();
  for (const bool attends : attention) json.String(attends ? with_attention : plain);
  json.EndArray();
}

void Field(JsonWriter& json, std::string_view key, size_t value) {
  json.Key(key);
  json.Uint(value);
}

void Field(JsonWriter& json, std::string_view key, std::string_view value) {
  json.Key(key);
  json.String(value);
}

constexpr size_t kClipChannels = 768;  // of the prompt in Stable Diffusion 1
constexpr size_t kOldHeads = 8;        // in every transformer of Stable Diffusion 1
constexpr size_t kHeadSize = 64;       // of Stable Diffusion 2, and of both text encoders

// The sizes of a UNet that its names and shapes tell.
struct UNetShape {
  size_t layers = 0;
  std::vector<size_t> channels;
  std::vector<size_t> heads;
  std::vector<size_t> depths;
  std::vector<bool> down_attention;
  std::vector<bool> up_attention;
  size_t prompt_channels = 0;
};

UNetShape MeasureUNet(Shapes& shapes) {
  UNetShape unet;
  const std::string transformer = ".1.transformer_blocks.";
  unet.prompt_channels = shapes.Size("middle_block.1.transformer_blocks.0.attn2.to_k.weight", 1);
  // Block 0 is a convolution alone; the first that has no residual block leads to the next
  // resolution, or is not there.
  size_t first = 1;
  while (first < kMostBlocks &&
         shapes.Has("input_blocks." + std::to_string(first) + ".0.in_layers.0.weight"))
    ++first;
  unet.layers = std::max<size_t>(first - 1, 1);
  for (size_t at = 1; at < kMostBlocks; at += unet.layers + 1) {
    const std::string block = "input_blocks." + std::to_string(at);
    if (!shapes.Has(block + ".0.in_layers.0.weight")) break;
    const size_t channels = shapes.Size(block + ".0.out_layers.3.weight", 0);
    unet.channels.push_back(channels);
    unet.down_attention.push_back(shapes.Has(block + ".1.norm.weight"));
    unet.depths.push_back(std::max<size_t>(shapes.Count(block + transformer, ".norm1.weight"), 1));
    unet.heads.push_back(unet.prompt_channels == kClipChannels
                             ? kOldHeads
                             : std::max<size_t>(channels / kHeadSize, 1));
  }
  for (size_t i = 0; i < unet.channels.size(); ++i) {
    unet.up_attention.push_back(
        shapes.Has("output_blocks." + std::to_string(i * (unet.layers + 1)) + ".1.norm.weight"));
  }
  return unet;
}

std::string UNetConfigJson(Shapes& shapes, const UNetShape& unet) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  Field(json, "_class_name", "UNet2DConditionModel");
  Field(json, "in_channels", shapes.Size("input_blocks.0.0.weight", 1));
  Field(json, "out_channels", shapes.Size("out.2.weight", 0));
  Field(json, "layers_per_block", unet.layers);
  Sizes(json, "block_out_channels", unet.channels);
  Sizes(json, "attention_head_dim", unet.heads);
  Sizes(json, "transformer_layers_per_block", unet.depths);
  Names(json, "down_block_types", unet.down_attention, "DownBlock2D", "CrossAttnDownBlock2D");
  Names(json, "up_block_types", unet.up_attention, "UpBlock2D", "CrossAttnUpBlock2D");
  Field(json, "cross_attention_dim", unet.prompt_channels);
  if (shapes.Has("time_embed.cond_proj.weight"))
    Field(json, "time_cond_proj_dim", shapes.Size("time_embed.cond_proj.weight", 1));
  Field(json, "sample_size", unet.prompt_channels == kClipChannels ? 64 : 96);
  json.EndObject();
  return text;
}

std::string VaeConfigJson(Shapes& shapes, size_t& levels) {
  levels = shapes.Count("encoder.down.", ".block.0.norm1.weight");
  std::vector<size_t> channels;
  for (size_t i = 0; i < levels; ++i)
    channels.push_back(
        shapes.Size("encoder.down." + std::to_string(i) + ".block.0.conv1.weight", 0));
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  Field(json, "_class_name", "AutoencoderKL");
  Field(json, "in_channels", shapes.Size("encoder.conv_in.weight", 1));
  Field(json, "out_channels", shapes.Size("decoder.conv_out.weight", 0));
  Field(json, "latent_channels", shapes.Size("decoder.conv_in.weight", 1));
  Field(json, "layers_per_block", shapes.Count("encoder.down.0.block.", ".norm1.weight"));
  Sizes(json, "block_out_channels", channels);
  json.Key("scaling_factor");
  json.Double(0.18215);
  json.EndObject();
  return text;
}

// Of OpenCLIP the state before the last layer is used, so that one is left out.
std::string TextConfigJson(const Checkpoint& checkpoint, bool open_clip, Status& status) {
  std::string prefix(open_clip ? kSingleFileOpenClip : kSingleFileClip);
  if (Shapes(checkpoint, prefix + "text_model.").Has("final_layer_norm.weight"))
    prefix += "text_model.";
  Shapes shapes(checkpoint, prefix);
  const std::string token =
      open_clip ? "token_embedding.weight" : "embeddings.token_embedding.weight";
  const std::string position =
      open_clip ? "positional_embedding" : "embeddings.position_embedding.weight";
  const std::string layer = open_clip ? "transformer.resblocks." : "encoder.layers.";
  const size_t layers = shapes.Count(layer, open_clip ? ".ln_1.weight" : ".layer_norm1.weight");
  const size_t hidden = shapes.Size(token, 1);
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  Field(json, "model_type", "clip_text_model");
  Field(json, "vocab_size", shapes.Size(token, 0));
  Field(json, "hidden_size", hidden);
  Field(json, "max_position_embeddings", shapes.Size(position, 0));
  Field(json, "intermediate_size",
        shapes.Size(layer + (open_clip ? "0.mlp.c_fc.weight" : "0.mlp.fc1.weight"), 0));
  Field(json, "num_hidden_layers", open_clip && layers > 1 ? layers - 1 : layers);
  Field(json, "num_attention_heads", std::max<size_t>(hidden / kHeadSize, 1));
  Field(json, "hidden_act", open_clip ? "gelu" : "quick_gelu");
  json.EndObject();
  status = shapes.status();
  return text;
}

// Nothing in such a file tells what its UNet was taught to predict. Models with OpenCLIP predict v,
// but for the one of 512 pixels.
std::string SchedulerConfigJson(bool open_clip) {
  return std::string(
             R"({"_class_name":"PNDMScheduler","beta_start":0.00085,"beta_end":0.012,)"
             R"("beta_schedule":"scaled_linear","num_train_timesteps":1000,"set_alpha_to_one":false,)"
             R"("skip_prk_steps":true,"steps_offset":1,"timestep_spacing":"leading",)"
             R"("clip_sample":false,"prediction_type":")") +
         (open_clip ? "v_prediction" : "epsilon") + "\"}";
}

Status CheckFamily(const Checkpoint& checkpoint) {
  const auto has = [&](std::string_view name) { return checkpoint.Find(name) != nullptr; };
  const auto refuse = [&](const std::string& what) {
    return Error{Code::kUnsupported, checkpoint.name() + ": " + what};
  };
  const std::string unet(kSingleFileUNet);
  if (has(unet + "label_emb.0.0.weight"))
    return refuse("a checkpoint of Stable Diffusion XL, which is not supported");
  if (has(unet + "joint_blocks.0.context_block.attn.qkv.weight") ||
      has(unet + "double_blocks.0.img_attn.norm.key_norm.scale"))
    return refuse("a checkpoint of a diffusion transformer, which is not supported");
  if (!has(unet + "input_blocks.0.0.weight")) {
    return refuse("no " + QuoteForMessage(unet + "input_blocks.0.0.weight") +
                  ": neither a packed file nor a single-file checkpoint of Stable Diffusion");
  }
  return {};
}

}  // namespace

Result<SingleFileConfigs> InferSingleFileConfigs(const Checkpoint& checkpoint) {
  MINNOW_RETURN_IF_ERROR(CheckFamily(checkpoint));
  SingleFileConfigs configs;
  configs.open_clip =
      Shapes(checkpoint, kSingleFileOpenClip).Has("transformer.resblocks.0.ln_1.weight");
  Shapes unet(checkpoint, kSingleFileUNet);
  const UNetShape shape = MeasureUNet(unet);
  configs.unet_layers = shape.layers;
  configs.unet = UNetConfigJson(unet, shape);
  MINNOW_RETURN_IF_ERROR(unet.status());
  Shapes vae(checkpoint, kSingleFileVae);
  configs.vae = VaeConfigJson(vae, configs.vae_levels);
  MINNOW_RETURN_IF_ERROR(vae.status());
  Status status;
  configs.text_encoder = TextConfigJson(checkpoint, configs.open_clip, status);
  MINNOW_RETURN_IF_ERROR(status);
  configs.scheduler = SchedulerConfigJson(configs.open_clip);
  return configs;
}

}  // namespace minnow
