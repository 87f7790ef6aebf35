// SPDX-License-Identifier: Apache-2.0
// Reads config.json field by field, each with its limits.
#include "models/unet/config.h"

#include <array>
#include <string_view>
#include <utility>

#include "formats/json.h"
#include "models/blocks/config_fields.h"

namespace minnow {
namespace {

// Far above the largest in use. Their products stay far below 2^63.
constexpr int64_t kMaxChannels = 1 << 13;
constexpr size_t kMaxLevels = 8;
constexpr int64_t kMaxLayers = 16;
constexpr int64_t kMaxTransformerLayers = 32;
constexpr int64_t kMaxSampleSize = 1 << 16;
// Channels between blocks are whole words of every precision, and halves of them are.
constexpr size_t kChannelUnit = 8;

struct BlockType {
  std::string_view name;
  bool attention;
};
constexpr std::array kDownTypes = {BlockType{"DownBlock2D", false},
                                   BlockType{"CrossAttnDownBlock2D", true}};
constexpr std::array kUpTypes = {BlockType{"UpBlock2D", false},
                                 BlockType{"CrossAttnUpBlock2D", true}};

template <class Types>
Result<std::vector<bool>> ReadBlockTypes(const JsonView& root, std::string_view field,
                                         const Types& types, size_t count) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView found, root.Get(field));
  MINNOW_ASSIGN_OR_RETURN(const JsonView array, found.Array());
  if (array.size() != count)
    return array.Expected(std::to_string(count) + " blocks, as block_out_channels has");
  std::vector<bool> attention;
  for (const JsonView item : array.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view name, item.String());
    std::string known;
    bool matched = false;
    for (const BlockType& type : types) {
      known += (known.empty() ? "" : ", ") + std::string(type.name);
      if (type.name != name) continue;
      attention.push_back(type.attention);
      matched = true;
    }
    if (!matched) {
      return item.Wrong(Code::kUnsupported,
                        QuoteForMessage(name) + " is not supported (known: " + known + ")");
    }
  }
  return attention;
}

// What has one meaning here, and in other models another. use_linear_projection only says how a
// weight is stored.
Status RefuseWhatIsNotImplemented(const JsonView& root) {
  for (const std::string_view field :
       {"addition_embed_type", "class_embed_type", "num_class_embeds", "encoder_hid_dim",
        "encoder_hid_dim_type", "projection_class_embeddings_input_dim", "timestep_post_act",
        "time_embedding_act_fn", "cross_attention_norm", "reverse_transformer_layers_per_block"}) {
    MINNOW_RETURN_IF_ERROR(RequireAbsent(root, field));
  }
  for (const std::string_view field :
       {"center_input_sample", "dual_cross_attention", "only_cross_attention",
        "mid_block_only_cross_attention", "resnet_skip_time_act", "class_embeddings_concat"}) {
    MINNOW_RETURN_IF_ERROR(RequireBool(root, field, false));
  }
  MINNOW_RETURN_IF_ERROR(RequireNumber(root, "conv_in_kernel", 3));
  MINNOW_RETURN_IF_ERROR(RequireNumber(root, "conv_out_kernel", 3));
  MINNOW_RETURN_IF_ERROR(RequireNumber(root, "downsample_padding", 1));
  MINNOW_RETURN_IF_ERROR(RequireNumber(root, "mid_block_scale_factor", 1));
  MINNOW_RETURN_IF_ERROR(RequireNumber(root, "resnet_out_scale_factor", 1));
  MINNOW_RETURN_IF_ERROR(RequireOneOf(root, "act_fn", {"silu", "swish"}));
  MINNOW_RETURN_IF_ERROR(RequireOneOf(root, "attention_type", {"default"}));
  MINNOW_RETURN_IF_ERROR(RequireOneOf(root, "resnet_time_scale_shift", {"default"}));
  return RequireOneOf(root, "time_embedding_type", {"positional"});
}

// Null means no block in the middle, which is another model: absent is the usual one.
Status CheckMidBlock(const JsonView& root) {
  const auto found = root.Find("mid_block_type");
  if (found && found->is_null())
    return found->Wrong(Code::kUnsupported, "null: a UNet without a block in the middle");
  return RequireOneOf(root, "mid_block_type", {"UNetMidBlock2DCrossAttn"});
}

Result<size_t> ReadSize(const JsonView& root, std::string_view field, int64_t max,
                        int64_t fallback) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t value, root.GetInt(field, 1, max, fallback));
  return static_cast<size_t>(value);
}

Status CheckLevels(const JsonView& root, const UNetConfig& config) {
  for (const UNetLevel& level : config.levels) {
    const std::string channels = "block_out_channels " + std::to_string(level.channels);
    if (level.channels % kChannelUnit != 0)
      return root.Wrong(Code::kUnsupported,
                        channels + " is not divisible by " + std::to_string(kChannelUnit));
    if (level.channels % config.groups != 0)
      return root.Wrong(channels + " is not divisible by norm_num_groups " +
                        std::to_string(config.groups));
    if (level.channels % level.heads != 0)
      return root.Wrong(channels + " is not divisible by its " + std::to_string(level.heads) +
                        " attention heads");
  }
  return {};
}

// "attention_head_dim" is the number of heads, not their size, unless num_attention_heads is there:
// https://github.com/huggingface/diffusers/issues/2011
Status ReadLevels(const JsonView& root, UNetConfig& config) {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<size_t> channels,
                          ReadSizes(root, "block_out_channels", 1, kMaxChannels, kMaxLevels));
  const size_t count = channels.size();
  const auto named = root.Find("num_attention_heads");
  const char* heads_field =
      named && !named->is_null() ? "num_attention_heads" : "attention_head_dim";
  MINNOW_ASSIGN_OR_RETURN(const std::vector<size_t> heads,
                          ReadSizeOrSizes(root, heads_field, 1, kMaxChannels, count, 8));
  MINNOW_ASSIGN_OR_RETURN(
      const std::vector<size_t> layers,
      ReadSizeOrSizes(root, "transformer_layers_per_block", 1, kMaxTransformerLayers, count, 1));
  for (size_t i = 0; i < count; ++i) config.levels.push_back({channels[i], heads[i], layers[i]});
  MINNOW_ASSIGN_OR_RETURN(config.down_attention,
                          ReadBlockTypes(root, "down_block_types", kDownTypes, count));
  MINNOW_ASSIGN_OR_RETURN(config.up_attention,
                          ReadBlockTypes(root, "up_block_types", kUpTypes, count));
  return CheckLevels(root, config);
}

// One number, also where a list says it for each block.
Result<size_t> ReadUniform(const JsonView& root, std::string_view field, int64_t max, size_t count,
                           size_t fallback) {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<size_t> values,
                          ReadSizeOrSizes(root, field, 1, max, count, fallback));
  for (const size_t value : values) {
    if (value != values[0])
      return root.Find(field)->Wrong(Code::kUnsupported, "different values for the blocks");
  }
  return values[0];
}

Status ReadEmbedding(const JsonView& root, UNetConfig& config) {
  MINNOW_ASSIGN_OR_RETURN(config.flip_sin_to_cos, root.GetBool("flip_sin_to_cos", true));
  MINNOW_ASSIGN_OR_RETURN(const double shift, root.GetNumber("freq_shift", 0));
  config.freq_shift = static_cast<float>(shift);
  // The frequencies are powers of it over half of the channels, less the shift.
  if (!(shift >= 0 && shift < static_cast<double>(config.base_channels()) / 2))
    return root.Find("freq_shift")->Expected("a number from 0 to half of the first channels");
  MINNOW_ASSIGN_OR_RETURN(config.time_embedding_dim,
                          ReadSize(root, "time_embedding_dim", 4 * kMaxChannels,
                                   static_cast<int64_t>(4 * config.base_channels())));
  const auto guidance = root.Find("time_cond_proj_dim");
  if (!guidance || guidance->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(const int64_t dim, guidance->Int(4, kMaxChannels));
  config.time_cond_proj_dim = static_cast<size_t>(dim);
  return {};
}

}  // namespace

Result<UNetConfig> ParseUNetConfig(const std::string& json, const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ParseModelConfig(json, name));
  const JsonView root = document.root();
  MINNOW_RETURN_IF_ERROR(RequireClass(root, "UNet2DConditionModel"));
  MINNOW_RETURN_IF_ERROR(RefuseWhatIsNotImplemented(root));
  MINNOW_RETURN_IF_ERROR(CheckMidBlock(root));
  UNetConfig config;
  MINNOW_ASSIGN_OR_RETURN(config.in_channels, ReadSize(root, "in_channels", kMaxChannels, 4));
  MINNOW_ASSIGN_OR_RETURN(config.out_channels, ReadSize(root, "out_channels", kMaxChannels, 4));
  MINNOW_ASSIGN_OR_RETURN(config.groups, ReadSize(root, "norm_num_groups", kMaxChannels, 32));
  MINNOW_RETURN_IF_ERROR(ReadLevels(root, config));
  const size_t count = config.levels.size();
  MINNOW_ASSIGN_OR_RETURN(config.layers_per_block,
                          ReadUniform(root, "layers_per_block", kMaxLayers, count, 2));
  MINNOW_ASSIGN_OR_RETURN(config.cross_attention_dim,
                          ReadUniform(root, "cross_attention_dim", kMaxChannels, count, 1280));
  MINNOW_ASSIGN_OR_RETURN(const double epsilon, root.GetNumber("norm_eps", 1e-5));
  config.norm_epsilon = static_cast<float>(epsilon);
  if (!(config.norm_epsilon > 0.0f && epsilon <= 1.0))
    return root.Find("norm_eps")->Expected("a number above 0, at most 1");
  MINNOW_RETURN_IF_ERROR(ReadEmbedding(root, config));
  MINNOW_ASSIGN_OR_RETURN(config.sample_size, ReadSize(root, "sample_size", kMaxSampleSize, 64));
  return config;
}

}  // namespace minnow
