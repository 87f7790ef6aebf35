// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/diffusion_model.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/cpu.h"
#include "models/diffusion/folder.h"
#include "models/weights/packed_weights.h"

namespace minnow {
namespace {

// Beside weights in Winograd's form there is to be room for the buffers of a picture, for the parts
// that are loaded after, and for what else the process does.
constexpr size_t kRoomBeside = size_t{1} << 30;

// A UNet reads noisy latents; one that inpaints reads the mask and the latents around it as well.
Status CheckParts(const ModelSource& source, const DiffusionModel& model) {
  const UNetConfig& unet = model.unet().config();
  const size_t latents = model.vae().info().latent_channels;
  const auto refuse = [&](const std::string& what) {
    return Error{Code::kUnsupported, source.name() + ": " + what};
  };
  const size_t hidden = model.text_encoder().config().hidden_size;
  if (hidden != unet.cross_attention_dim) {
    return refuse("hidden_size " + std::to_string(hidden) +
                  " of the text encoder is not the UNet's " + "cross_attention_dim " +
                  std::to_string(unet.cross_attention_dim));
  }
  if (unet.out_channels != latents ||
      (unet.in_channels != latents && unet.in_channels != 2 * latents + 1)) {
    return refuse("in_channels " + std::to_string(unet.in_channels) + " and out_channels " +
                  std::to_string(unet.out_channels) + " of the UNet do not fit latent_channels " +
                  std::to_string(latents) + " of the VAE");
  }
  if (model.vae().info().image_channels != 3) return refuse("a VAE of images that are not RGB");
  return {};
}

Status CheckPreviewVae(const std::string& directory, const VaeInfo& vae, size_t latents) {
  if (vae.latent_channels == latents && vae.image_channels == 3) return {};
  return Error{Code::kUnsupported, directory + ": a VAE of " + std::to_string(vae.latent_channels) +
                                       " latent and " + std::to_string(vae.image_channels) +
                                       " image channels; that of the model beside it has " +
                                       std::to_string(latents) + " and 3"};
}

}  // namespace

Result<PartSource> OpenPart(const ModelSource& source, std::string_view component) {
  PartSource part;
  part.component = component;
  part.packed = source.packed();
  MINNOW_ASSIGN_OR_RETURN(part.config, source.ReadConfigJson(component));
  part.config_name = source.components().find(component)->second.config;
  MINNOW_ASSIGN_OR_RETURN(part.tensors, source.OpenTensors(component));
  return part;
}

Result<std::shared_ptr<const Loras>> ReadLoras(const ModelSource& source,
                                               const std::vector<LoraOptions>& options) {
  if (source.packed() && !options.empty()) {
    return Error{Code::kUnsupported, source.name() +
                                         ": adapters are added to weights before they are packed; "
                                         "pack the model with them"};
  }
  return Loras::Read(options);
}

size_t WinogradRoom(const DiffusionLoadOptions& options, size_t loaded_bytes) {
  constexpr size_t kAny = std::numeric_limits<size_t>::max();
  if (options.winograd == WinogradUse::kNever) return 0;
  if (options.winograd == WinogradUse::kAlways) return kAny;
  size_t limit = options.memory_limit_bytes;
  if (limit == 0) limit = ReadUsableMemory("");
  if (limit == 0) return kAny;  // not known
  return limit - std::min(limit, loaded_bytes + kRoomBeside);
}

Result<std::unique_ptr<Vae>> LoadTinyVae(const std::string& directory, Dtype dtype,
                                         size_t winograd_room_bytes) {
  MINNOW_ASSIGN_OR_RETURN(TinyVaeSource source, OpenTinyVae(directory));
  return Vae::Load({.config = std::move(source.config),
                    .config_name = std::move(source.config_name),
                    .tensors = std::move(source.tensors),
                    .packed = nullptr,
                    .component = "",
                    .embedding = std::nullopt,
                    .winograd_room_bytes = winograd_room_bytes},
                   dtype);
}

Result<std::unique_ptr<DiffusionModel>> DiffusionModel::Load(const ModelSource& source,
                                                             const DiffusionLoadOptions& options) {
  Dtype dtype = options.dtype.value_or(Dtype::kF32);
  if (source.packed()) {
    MINNOW_ASSIGN_OR_RETURN(
        dtype, PackedDtype(*source.packed(), {.dtype = options.dtype, .embedding = std::nullopt}));
  }
  auto model = std::make_unique<DiffusionModel>();
  MINNOW_ASSIGN_OR_RETURN(model->scheduler_config_, source.ReadConfigJson(kSchedulerPart));
  MINNOW_ASSIGN_OR_RETURN(const auto loras, ReadLoras(source, options.loras));
  MINNOW_ASSIGN_OR_RETURN(PartSource text, OpenPart(source, kTextEncoderPart));
  MINNOW_ASSIGN_OR_RETURN(text.tensors, loras->Apply(kTextEncoderPart, text.tensors));
  text.embedding = options.embedding;
  MINNOW_ASSIGN_OR_RETURN(model->text_encoder_, ClipTextModel::Load(text, dtype));
  // The UNet runs in every step, so it takes the room for Winograd's form first.
  size_t loaded_bytes = model->text_encoder_->info().weight_bytes;
  MINNOW_ASSIGN_OR_RETURN(PartSource unet, OpenPart(source, kUNetPart));
  MINNOW_ASSIGN_OR_RETURN(unet.tensors, loras->Apply(kUNetPart, unet.tensors));
  unet.winograd_room_bytes = WinogradRoom(options, loaded_bytes);
  MINNOW_ASSIGN_OR_RETURN(model->unet_, UNetModel::Load(unet, dtype));
  loaded_bytes += model->unet_->info().weight_bytes;
  const size_t room = WinogradRoom(options, loaded_bytes);
  if (options.tiny_vae.empty()) {
    MINNOW_ASSIGN_OR_RETURN(PartSource vae, OpenPart(source, kVaePart));
    vae.winograd_room_bytes = room;
    MINNOW_ASSIGN_OR_RETURN(model->vae_, Vae::Load(vae, dtype));
  } else {
    MINNOW_ASSIGN_OR_RETURN(model->vae_, LoadTinyVae(options.tiny_vae, dtype, room));
  }
  MINNOW_RETURN_IF_ERROR(CheckParts(source, *model));
  const std::string beside = options.previews ? FindTinyVae(source.name()) : "";
  if (beside.empty() || model->preview_vae() != nullptr) return model;
  MINNOW_ASSIGN_OR_RETURN(model->preview_vae_, LoadTinyVae(beside, dtype, room));
  MINNOW_RETURN_IF_ERROR(
      CheckPreviewVae(beside, model->preview_vae_->info(), model->vae_->info().latent_channels));
  return model;
}

const Vae* DiffusionModel::preview_vae() const {
  const bool tiny = !vae_->info().has_variance;
  return tiny ? vae_.get() : preview_vae_.get();
}

Result<std::unique_ptr<DiffusionModel>> DiffusionModel::Random(const ModelSource& source,
                                                               Dtype dtype, WinogradUse winograd) {
  const size_t room = WinogradRoom({.dtype = dtype, .tiny_vae = "", .winograd = winograd}, 0);
  auto model = std::make_unique<DiffusionModel>();
  const auto read = [&](std::string_view part) { return source.ReadConfigJson(part); };
  const auto name = [&](std::string_view part) {
    return source.components().find(part)->second.config;
  };
  MINNOW_ASSIGN_OR_RETURN(model->scheduler_config_, read(kSchedulerPart));
  MINNOW_ASSIGN_OR_RETURN(const std::string text, read(kTextEncoderPart));
  MINNOW_ASSIGN_OR_RETURN(const ClipTextConfig text_config,
                          ParseClipTextConfig(text, name(kTextEncoderPart)));
  MINNOW_ASSIGN_OR_RETURN(const std::string vae, read(kVaePart));
  MINNOW_ASSIGN_OR_RETURN(const std::string unet, read(kUNetPart));
  MINNOW_ASSIGN_OR_RETURN(const UNetConfig unet_config, ParseUNetConfig(unet, name(kUNetPart)));
  MINNOW_ASSIGN_OR_RETURN(model->text_encoder_, ClipTextModel::Random(text_config, dtype));
  MINNOW_ASSIGN_OR_RETURN(model->vae_, Vae::Random(vae, name(kVaePart), dtype, room));
  MINNOW_ASSIGN_OR_RETURN(model->unet_, UNetModel::Random(unet_config, dtype, room));
  MINNOW_RETURN_IF_ERROR(CheckParts(source, *model));
  return model;
}

size_t DiffusionModel::parameters() const {
  return text_encoder_->info().parameters + unet_->info().parameters + vae_->info().part.parameters;
}

size_t DiffusionModel::weight_bytes() const {
  return text_encoder_->info().weight_bytes + unet_->info().weight_bytes +
         vae_->info().part.weight_bytes;
}

bool DiffusionModel::winograd() const {
  return unet_->info().winograd || vae_->info().part.winograd;
}

std::vector<PackedTensor> DiffusionModel::PackedTensors() const {
  std::vector<PackedTensor> tensors = text_encoder_->PackedTensors();
  for (auto& more : {unet_->PackedTensors(), vae_->PackedTensors()})
    tensors.insert(tensors.end(), more.begin(), more.end());
  return tensors;
}

}  // namespace minnow
