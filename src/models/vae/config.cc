// SPDX-License-Identifier: Apache-2.0
#include "models/vae/config.h"

#include <string_view>

#include "formats/json.h"
#include "models/blocks/config_fields.h"

namespace minnow {
namespace {

constexpr int64_t kMaxChannels = 1 << 13;
constexpr int64_t kMaxLatentChannels = 1 << 8;
constexpr size_t kMaxLevels = 8;
constexpr int64_t kMaxLayers = 32;
// Channels between blocks are whole words of every precision.
constexpr size_t kChannelUnit = 8;
constexpr std::string_view kTiny = "AutoencoderTiny";

Result<size_t> ReadSize(const JsonView& root, std::string_view field, int64_t max,
                        int64_t fallback) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t value, root.GetInt(field, 1, max, fallback));
  return static_cast<size_t>(value);
}

// Images have three channels on both ends.
Result<size_t> ReadImageChannels(const JsonView& root) {
  MINNOW_ASSIGN_OR_RETURN(const size_t in, ReadSize(root, "in_channels", kMaxLatentChannels, 3));
  MINNOW_ASSIGN_OR_RETURN(const size_t out, ReadSize(root, "out_channels", kMaxLatentChannels, 3));
  if (in != out) return root.Wrong(Code::kUnsupported, "in_channels and out_channels differ");
  return in;
}

Status ReadScale(const JsonView& root, double fallback, float& scaling, float& shift) {
  MINNOW_ASSIGN_OR_RETURN(const double scale, root.GetNumber("scaling_factor", fallback));
  scaling = static_cast<float>(scale);
  if (!(scaling > 0.0f && scale < 1e6))
    return root.Find("scaling_factor")->Expected("a number above 0, below 1000000");
  MINNOW_ASSIGN_OR_RETURN(const double offset, root.GetNumber("shift_factor", 0));
  shift = static_cast<float>(offset);
  return {};
}

Status RequireBlocks(const JsonView& root, std::string_view field, size_t count,
                     std::string_view wanted) {
  const auto found = root.Find(field);
  if (!found || found->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(const JsonView array, found->Array());
  if (array.size() != count)
    return array.Expected(std::to_string(count) + " blocks, as block_out_channels has");
  for (const JsonView item : array.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view name, item.String());
    if (name != wanted)
      return item.Wrong(Code::kUnsupported, QuoteForMessage(name) + " is not supported (known: " +
                                                std::string(wanted) + ")");
  }
  return {};
}

Status CheckChannels(const JsonView& root, size_t channels, size_t groups) {
  if (channels % kChannelUnit != 0) {
    return root.Wrong(Code::kUnsupported, "block_out_channels " + std::to_string(channels) +
                                              " is not divisible by " +
                                              std::to_string(kChannelUnit));
  }
  if (channels % groups != 0) {
    return root.Wrong("block_out_channels " + std::to_string(channels) +
                      " is not divisible by norm_num_groups " + std::to_string(groups));
  }
  return {};
}

// One number for all blocks, in a list.
Result<size_t> ReadTinyChannels(const JsonView& root, std::string_view field, size_t levels) {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<size_t> channels,
                          ReadSizeOrSizes(root, field, 1, kMaxChannels, levels, 64));
  for (const size_t count : channels) {
    if (count != channels[0])
      return root.Find(field)->Wrong(Code::kUnsupported, "different channels of the blocks");
  }
  MINNOW_RETURN_IF_ERROR(CheckChannels(root, channels[0], 1));
  return channels[0];
}

Result<std::vector<size_t>> ReadTinyBlocks(const JsonView& root, std::string_view field,
                                           std::vector<size_t> fallback) {
  const auto found = root.Find(field);
  if (!found || found->is_null()) return fallback;
  return ReadSizes(root, field, 0, kMaxLayers, kMaxLevels);
}

}  // namespace

bool IsTinyVaeConfig(const std::string& json) {
  const auto document = ParseModelConfig(json, "");
  if (!document.ok()) return false;
  const auto name = document->root().GetString("_class_name");
  return name.ok() && *name == kTiny;
}

Result<KlVaeConfig> ParseKlVaeConfig(const std::string& json, const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ParseModelConfig(json, name));
  const JsonView root = document.root();
  MINNOW_RETURN_IF_ERROR(RequireClass(root, "AutoencoderKL"));
  MINNOW_RETURN_IF_ERROR(RequireOneOf(root, "act_fn", {"silu", "swish"}));
  MINNOW_RETURN_IF_ERROR(RequireAbsent(root, "latents_mean"));
  MINNOW_RETURN_IF_ERROR(RequireAbsent(root, "latents_std"));
  KlVaeConfig config;
  MINNOW_ASSIGN_OR_RETURN(config.image_channels, ReadImageChannels(root));
  MINNOW_ASSIGN_OR_RETURN(config.latent_channels,
                          ReadSize(root, "latent_channels", kMaxLatentChannels, 4));
  MINNOW_ASSIGN_OR_RETURN(config.block_channels,
                          ReadSizes(root, "block_out_channels", 1, kMaxChannels, kMaxLevels));
  MINNOW_ASSIGN_OR_RETURN(config.layers_per_block,
                          ReadSize(root, "layers_per_block", kMaxLayers, 1));
  MINNOW_ASSIGN_OR_RETURN(config.groups, ReadSize(root, "norm_num_groups", kMaxChannels, 32));
  for (const size_t channels : config.block_channels)
    MINNOW_RETURN_IF_ERROR(CheckChannels(root, channels, config.groups));
  const size_t count = config.block_channels.size();
  MINNOW_RETURN_IF_ERROR(RequireBlocks(root, "down_block_types", count, "DownEncoderBlock2D"));
  MINNOW_RETURN_IF_ERROR(RequireBlocks(root, "up_block_types", count, "UpDecoderBlock2D"));
  MINNOW_ASSIGN_OR_RETURN(config.mid_attention, root.GetBool("mid_block_add_attention", true));
  MINNOW_ASSIGN_OR_RETURN(config.quant_conv, root.GetBool("use_quant_conv", true));
  MINNOW_ASSIGN_OR_RETURN(config.post_quant_conv, root.GetBool("use_post_quant_conv", true));
  MINNOW_RETURN_IF_ERROR(ReadScale(root, 0.18215, config.scaling_factor, config.shift_factor));
  return config;
}

Result<TinyVaeConfig> ParseTinyVaeConfig(const std::string& json, const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ParseModelConfig(json, name));
  const JsonView root = document.root();
  MINNOW_RETURN_IF_ERROR(RequireClass(root, kTiny));
  MINNOW_RETURN_IF_ERROR(RequireOneOf(root, "act_fn", {"relu"}));
  MINNOW_RETURN_IF_ERROR(RequireOneOf(root, "upsample_fn", {"nearest"}));
  MINNOW_RETURN_IF_ERROR(RequireNumber(root, "upsampling_scaling_factor", 2));
  TinyVaeConfig config;
  MINNOW_ASSIGN_OR_RETURN(config.image_channels, ReadImageChannels(root));
  MINNOW_ASSIGN_OR_RETURN(config.latent_channels,
                          ReadSize(root, "latent_channels", kMaxLatentChannels, 4));
  MINNOW_ASSIGN_OR_RETURN(config.encoder_blocks,
                          ReadTinyBlocks(root, "num_encoder_blocks", config.encoder_blocks));
  MINNOW_ASSIGN_OR_RETURN(config.decoder_blocks,
                          ReadTinyBlocks(root, "num_decoder_blocks", config.decoder_blocks));
  const size_t levels = config.encoder_blocks.size();
  if (config.decoder_blocks.size() != levels)
    return root.Wrong("num_encoder_blocks and num_decoder_blocks have different lengths");
  MINNOW_ASSIGN_OR_RETURN(config.channels,
                          ReadTinyChannels(root, "encoder_block_out_channels", levels));
  MINNOW_ASSIGN_OR_RETURN(const size_t decoder,
                          ReadTinyChannels(root, "decoder_block_out_channels", levels));
  if (decoder != config.channels) {
    return root.Wrong(Code::kUnsupported,
                      "encoder_block_out_channels and decoder_block_out_channels differ");
  }
  MINNOW_RETURN_IF_ERROR(ReadScale(root, 1.0, config.scaling_factor, config.shift_factor));
  return config;
}

}  // namespace minnow
