// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/names.h"

#include <array>
#include <charconv>
#include <optional>
#include <span>

namespace minnow {
namespace {

struct Renamed {
  std::string_view from;
  std::string_view to;
};

bool Cut(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

// A number and the dot after it, or nothing of the text.
std::optional<size_t> CutNumber(std::string_view& text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto digits = static_cast<size_t>(end - text.data());
  constexpr size_t kMostDigits = 4;
  if (error != std::errc() || digits > kMostDigits || digits >= text.size() || *end != '.')
    return std::nullopt;
  text.remove_prefix(digits + 1);
  return number;
}

// `text` with the first row's start that fits replaced; empty where none fits.
std::string ReplaceStart(std::string_view text, std::span<const Renamed> rows) {
  for (const Renamed& row : rows) {
    if (text.starts_with(row.from))
      return std::string(row.to) + std::string(text.substr(row.from.size()));
  }
  return "";
}

std::string Below(const std::string& parent, const std::string& name) {
  return name.empty() ? name : parent + name;
}

std::string Number(size_t number) { return std::to_string(number); }

constexpr std::array kUNetResnet = {
    Renamed{"in_layers.0.", "norm1."},          Renamed{"in_layers.2.", "conv1."},
    Renamed{"emb_layers.1.", "time_emb_proj."}, Renamed{"out_layers.0.", "norm2."},
    Renamed{"out_layers.3.", "conv2."},         Renamed{"skip_connection.", "conv_shortcut."},
};

constexpr std::array kUNetEnds = {
    Renamed{"time_embed.0.", "time_embedding.linear_1."},
    Renamed{"time_embed.2.", "time_embedding.linear_2."},
    Renamed{"time_embed.cond_proj.", "time_embedding.cond_proj."},
    Renamed{"input_blocks.0.0.", "conv_in."},
    Renamed{"out.0.", "conv_norm_out."},
    Renamed{"out.2.", "conv_out."},
};

std::string UNetResnet(std::string_view name) { return ReplaceStart(name, kUNetResnet); }

// part: 0 the residual block, 1 and 2 what follows it. name: after the block's number and the
// part's.
std::string DownName(size_t block, size_t part, std::string_view name, size_t layers) {
  const size_t level = (block - 1) / (layers + 1), layer = (block - 1) % (layers + 1);
  const std::string parent = "down_blocks." + Number(level) + ".";
  if (part == 0 && Cut(name, "op."))
    return layer == layers ? parent + "downsamplers.0.conv." + std::string(name) : "";
  if (layer == layers) return "";
  if (part == 0) return Below(parent + "resnets." + Number(layer) + ".", UNetResnet(name));
  return part == 1 ? parent + "attentions." + Number(layer) + "." + std::string(name) : "";
}

std::string UpName(size_t block, size_t part, std::string_view name, size_t layers) {
  const size_t level = block / (layers + 1), layer = block % (layers + 1);
  const std::string parent = "up_blocks." + Number(level) + ".";
  if (part == 0) return Below(parent + "resnets." + Number(layer) + ".", UNetResnet(name));
  if (Cut(name, "conv.")) return parent + "upsamplers.0.conv." + std::string(name);
  return part == 1 ? parent + "attentions." + Number(layer) + "." + std::string(name) : "";
}

std::string MidName(size_t part, std::string_view name) {
  if (part == 1) return "mid_block.attentions.0." + std::string(name);
  if (part > 2) return "";
  return Below("mid_block.resnets." + Number(part / 2) + ".", UNetResnet(name));
}

std::string VaeAttentionName(std::string_view name) {
  constexpr std::array kNames = {
      Renamed{"norm.", "group_norm."},
      Renamed{"q.", "to_q."},
      Renamed{"k.", "to_k."},
      Renamed{"v.", "to_v."},
      Renamed{"proj_out.", "to_out.0."},
      Renamed{"query.", "to_q."},
      Renamed{"key.", "to_k."},
      Renamed{"value.", "to_v."},
      Renamed{"proj_attn.", "to_out.0."},
      Renamed{"", ""},
  };
  return ReplaceStart(name, kNames);
}

std::string VaeResnetName(std::string_view name) {
  constexpr std::array kNames = {Renamed{"nin_shortcut.", "conv_shortcut."}, Renamed{"", ""}};
  return ReplaceStart(name, kNames);
}

// Of one half, after "encoder." or "decoder.".
std::string VaeHalfName(std::string_view name, bool encoder, size_t levels) {
  if (Cut(name, "norm_out.")) return "conv_norm_out." + std::string(name);
  if (Cut(name, "mid.attn_1.")) return "mid_block.attentions.0." + VaeAttentionName(name);
  if (Cut(name, "mid.block_1.")) return "mid_block.resnets.0." + VaeResnetName(name);
  if (Cut(name, "mid.block_2.")) return "mid_block.resnets.1." + VaeResnetName(name);
  if (!Cut(name, encoder ? "down." : "up.")) return std::string(name);
  const auto level = CutNumber(name);
  if (!level || *level >= levels) return "";
  // The decoder's are numbered from the image on.
  const std::string parent = encoder ? "down_blocks." + Number(*level) + "."
                                     : "up_blocks." + Number(levels - 1 - *level) + ".";
  if (Cut(name, encoder ? "downsample." : "upsample."))
    return parent + (encoder ? "downsamplers.0." : "upsamplers.0.") + std::string(name);
  if (!Cut(name, "block.")) return "";
  const auto block = CutNumber(name);
  return block ? parent + "resnets." + Number(*block) + "." + VaeResnetName(name) : "";
}

}  // namespace

std::string TextEncoderName(std::string_view stored) {
  Cut(stored, "text_model.");
  return std::string(stored);
}

std::string VaeName(std::string_view stored) {
  constexpr std::string_view kAttention = ".mid_block.attentions.0.";
  const size_t at = stored.find(kAttention);
  if (at == std::string_view::npos) return std::string(stored);
  const size_t end = at + kAttention.size();
  return std::string(stored.substr(0, end)) + VaeAttentionName(stored.substr(end));
}

std::string BareTaesdEncoderName(std::string_view stored) {
  return "encoder.layers." + std::string(stored);
}

// The first layer of the bare decoder limits the latents.
std::string BareTaesdDecoderName(std::string_view stored) {
  const auto layer = CutNumber(stored);
  if (!layer || *layer == 0) return "";
  return "decoder.layers." + Number(*layer - 1) + "." + std::string(stored);
}

std::string SingleFileUNetName(std::string_view stored, size_t layers) {
  if (std::string end = ReplaceStart(stored, kUNetEnds); !end.empty()) return end;
  if (Cut(stored, "middle_block.")) {
    const auto part = CutNumber(stored);
    return part ? MidName(*part, stored) : "";
  }
  const bool down = Cut(stored, "input_blocks.");
  if (!down && !Cut(stored, "output_blocks.")) return "";
  const auto block = CutNumber(stored);
  const auto part = block ? CutNumber(stored) : std::nullopt;
  if (!part || (down && *block == 0)) return "";
  return down ? DownName(*block, *part, stored, layers) : UpName(*block, *part, stored, layers);
}

std::string SingleFileVaeName(std::string_view stored, size_t levels) {
  if (stored.starts_with("quant_conv.") || stored.starts_with("post_quant_conv."))
    return std::string(stored);
  if (Cut(stored, "encoder.")) return Below("encoder.", VaeHalfName(stored, true, levels));
  if (Cut(stored, "decoder.")) return Below("decoder.", VaeHalfName(stored, false, levels));
  return "";
}

std::string OpenClipName(std::string_view stored) {
  if (stored == "positional_embedding") return "embeddings.position_embedding.weight";
  if (stored == "token_embedding.weight") return "embeddings.token_embedding.weight";
  if (Cut(stored, "ln_final.")) return "final_layer_norm." + std::string(stored);
  if (!Cut(stored, "transformer.resblocks.")) return "";
  const auto layer = CutNumber(stored);
  if (!layer) return "";
  constexpr std::array kNames = {
      Renamed{"ln_1.", "layer_norm1."},
      Renamed{"ln_2.", "layer_norm2."},
      Renamed{"attn.out_proj.", "self_attn.out_proj."},
      Renamed{"mlp.c_fc.", "mlp.fc1."},
      Renamed{"mlp.c_proj.", "mlp.fc2."},
  };
  return Below("encoder.layers." + Number(*layer) + ".", ReplaceStart(stored, kNames));
}

}  // namespace minnow
