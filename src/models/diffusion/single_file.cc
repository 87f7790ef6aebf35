// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/single_file.h"

#include <array>
#include <filesystem>
#include <utility>

#include "models/diffusion/names.h"
#include "models/diffusion/part.h"
#include "models/diffusion/renamed_source.h"
#include "models/diffusion/single_file_configs.h"

namespace minnow {
namespace {

// A rule for names after `prefix`; all others are left out.
RenamedSource::Rule After(std::string_view prefix, RenamedSource::Rule rule) {
  return [prefix, rule = std::move(rule)](std::string_view stored) {
    return stored.starts_with(prefix) ? rule(stored.substr(prefix.size())) : std::string();
  };
}

// in_proj_weight [3C, C] and in_proj_bias [3C] hold query, key and value.
void AddJoinedAttention(const Checkpoint& checkpoint, RenamedSource& source) {
  constexpr std::string_view kIn = ".attn.in_proj_";
  for (const auto& [stored, tensor] : checkpoint.tensors()) {
    const size_t at = stored.find(kIn);
    if (!stored.starts_with(kSingleFileOpenClip) || at == std::string::npos) continue;
    // The name of a sibling tells the layer.
    const std::string sibling =
        stored.substr(kSingleFileOpenClip.size(), at - kSingleFileOpenClip.size()) +
        ".attn.out_proj.";
    std::string parent = OpenClipName(sibling);
    constexpr std::string_view kSibling = "out_proj.";
    if (!parent.ends_with(kSibling)) continue;
    parent.resize(parent.size() - kSibling.size());
    const size_t dimensions = tensor.shape.size();
    if (dimensions == 0 || dimensions > 2 || tensor.shape[0] % 3 != 0) continue;
    const int64_t rows = tensor.shape[0] / 3;
    const std::string kind = stored.substr(at + kIn.size());  // "weight" or "bias"
    constexpr std::array<const char*, 3> kParts = {"q_proj.", "k_proj.", "v_proj."};
    for (size_t i = 0; i < kParts.size(); ++i)
      source.Add(parent + kParts[i] + kind, tensor.Rows(static_cast<int64_t>(i) * rows, rows));
  }
}

}  // namespace

bool IsPickleName(std::string_view path) {
  return path.ends_with(".ckpt") || path.ends_with(".pt") || path.ends_with(".pth") ||
         path.ends_with(".bin");
}

Result<SingleFileModel> OpenSingleFile(const std::string& path) {
  if (IsPickleName(path)) {
    return Error{Code::kUnsupported, path +
                                         ": pickles can run code and are not read; convert the "
                                         "checkpoint to safetensors"};
  }
  MINNOW_ASSIGN_OR_RETURN(Checkpoint opened, Checkpoint::OpenFile(path));
  const auto checkpoint = std::make_shared<const Checkpoint>(std::move(opened));
  MINNOW_ASSIGN_OR_RETURN(const SingleFileConfigs configs, InferSingleFileConfigs(*checkpoint));
  auto unet = std::make_shared<RenamedSource>(), vae = std::make_shared<RenamedSource>(),
       text = std::make_shared<RenamedSource>();
  unet->AddAll(checkpoint, After(kSingleFileUNet, [&](std::string_view name) {
                 return SingleFileUNetName(name, configs.unet_layers);
               }));
  vae->AddAll(checkpoint, After(kSingleFileVae, [&](std::string_view name) {
                return SingleFileVaeName(name, configs.vae_levels);
              }));
  if (configs.open_clip) {
    text->AddAll(checkpoint, After(kSingleFileOpenClip, OpenClipName));
    AddJoinedAttention(*checkpoint, *text);
  } else {
    text->AddAll(checkpoint, After(kSingleFileClip, TextEncoderName));
  }
  SingleFileModel model;
  model.configs = {{std::string(kUNetPart), configs.unet},
                   {std::string(kVaePart), configs.vae},
                   {std::string(kTextEncoderPart), configs.text_encoder},
                   {std::string(kSchedulerPart), configs.scheduler}};
  model.tensors.emplace(kUNetPart, std::move(unet));
  model.tensors.emplace(kVaePart, std::move(vae));
  model.tensors.emplace(kTextEncoderPart, std::move(text));
  return model;
}

}  // namespace minnow
