// SPDX-License-Identifier: Apache-2.0
// Which tensor an adapter changes, by the names of the programs that write such files.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "formats/json.h"
#include "models/diffusion/lora.h"
#include "models/diffusion/names.h"
#include "models/diffusion/part.h"

namespace minnow {
namespace {

using Role = LoraName::Role;

struct Ending {
  std::string_view text;
  Role role;
};
constexpr std::array kEndings = {
    Ending{".lora_down.weight", Role::kDown},
    Ending{".lora_up.weight", Role::kUp},
    Ending{".alpha", Role::kAlpha},
    Ending{".lora_A.weight", Role::kDown},
    Ending{".lora_B.weight", Role::kUp},
    Ending{".lora_A.default.weight", Role::kDown},
    Ending{".lora_B.default.weight", Role::kUp},
    Ending{".lora.down.weight", Role::kDown},
    Ending{".lora.up.weight", Role::kUp},
    Ending{".lora_linear_layer.down.weight", Role::kDown},
    Ending{".lora_linear_layer.up.weight", Role::kUp},
    Ending{"_lora.down.weight", Role::kDown},
    Ending{"_lora.up.weight", Role::kUp},
};

// Names of modules that have an underscore in them; in kohya's names all dots are one.
constexpr std::array<std::string_view, 30> kCompounds = {
    "down_blocks",    "up_blocks",     "mid_block",       "transformer_blocks",
    "time_emb_proj",  "conv_shortcut", "conv_in",         "conv_out",
    "time_embedding", "linear_1",      "linear_2",        "to_q",
    "to_k",           "to_v",          "to_out",          "proj_in",
    "proj_out",       "text_model",    "self_attn",       "q_proj",
    "k_proj",         "v_proj",        "out_proj",        "input_blocks",
    "output_blocks",  "middle_block",  "skip_connection", "in_layers",
    "out_layers",     "emb_layers"};

bool CutStart(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

void Join(std::string_view compound, std::string& name) {
  std::string dotted(compound);
  std::replace(dotted.begin(), dotted.end(), '_', '.');
  for (size_t at = name.find(dotted); at != std::string::npos; at = name.find(dotted, at + 1)) {
    const size_t end = at + dotted.size();
    const bool whole = (at == 0 || name[at - 1] == '.') && (end == name.size() || name[end] == '.');
    if (whole) name.replace(at, dotted.size(), compound);
  }
}

// "down_blocks_0_attentions_1_..." to "down_blocks.0.attentions.1...."
std::string Dotted(std::string_view underscored) {
  std::string name(underscored);
  std::replace(name.begin(), name.end(), '_', '.');
  for (const std::string_view compound : kCompounds) Join(compound, name);
  return name;
}

// Of old versions of diffusers: "....attn1.processor.to_out".
std::string WithoutProcessor(std::string name) {
  constexpr std::string_view kProcessor = ".processor.";
  const size_t at = name.find(kProcessor);
  if (at == std::string::npos) return name;
  name.replace(at, kProcessor.size(), ".");
  return name.ends_with(".to_out") ? name + ".0" : name;
}

// kohya's scripts name a UNet's tensors as diffusers does, others as single files do.
std::string UNetTensor(const std::string& module) {
  constexpr size_t kLayers = 2;  // of each resolution, in all models that have such names
  const std::string tensor = module + ".weight";
  for (const char* start : {"input_blocks.", "middle_block.", "output_blocks."}) {
    if (module.starts_with(start)) return SingleFileUNetName(tensor, kLayers);
  }
  return tensor;
}

std::optional<std::pair<std::string, std::string>> FindTensor(std::string_view module) {
  const auto text = [](const std::string& name) {
    return std::pair(std::string(kTextEncoderPart), TextEncoderName(name + ".weight"));
  };
  const auto unet = [](const std::string& name) {
    return std::pair(std::string(kUNetPart), UNetTensor(name));
  };
  if (CutStart(module, "lora_unet_")) return unet(Dotted(module));
  for (const char* start : {"lora_te1_", "lora_te_"}) {
    if (CutStart(module, start)) return text(Dotted(module));
  }
  if (CutStart(module, "text_encoder.")) return text(std::string(module));
  const bool named = CutStart(module, "unet.");
  for (const char* start : {"down_blocks.", "mid_block.", "up_blocks.", "conv_", "time_emb"}) {
    if (module.starts_with(start)) return unet(WithoutProcessor(std::string(module)));
  }
  if (named) return unet(std::string(module));
  return std::nullopt;
}

}  // namespace

Result<LoraName> ParseLoraName(std::string_view stored) {
  for (const Ending& ending : kEndings) {
    if (!stored.ends_with(ending.text)) continue;
    auto found = FindTensor(stored.substr(0, stored.size() - ending.text.size()));
    if (!found || found->second.empty()) break;
    return LoraName{std::move(found->first), std::move(found->second), ending.role};
  }
  return Error{Code::kUnsupported, QuoteForMessage(stored) +
                                       ": no tensor of an adapter of low rank (LoRA) for Stable "
                                       "Diffusion 1 or 2"};
}

}  // namespace minnow
