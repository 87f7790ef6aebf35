// SPDX-License-Identifier: Apache-2.0
// DiffusionModel: the parts of a Stable Diffusion, loaded together, and its scheduler's
// configuration. How they make a picture is for the layers above.
//
// Const after loading; may be used from any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/clip/clip_model.h"
#include "models/diffusion/lora.h"
#include "models/source.h"
#include "models/unet/unet_model.h"
#include "models/vae/vae.h"

namespace minnow {

// Whether convolutions take Winograd's form: faster, with weights 16 / 9 as large, and roundings of
// their own, so that pictures differ in a few bits.
enum class WinogradUse {
  kAuto,   // where the memory limit has room for it
  kNever,  // as they are stored in packed files
  kAlways
};

struct DiffusionLoadOptions {
  std::optional<Dtype> dtype;  // nullopt: a packed file's own, else fp32
  // A folder for OpenTinyVae (models/diffusion/folder.h), whose VAE stands in for the model's.
  std::string tiny_vae;
  // Of the text encoder's tables; nullopt: as they are stored. Nothing is made of it for a packed
  // file.
  std::optional<TableType> embedding = std::nullopt;
  // Added to the weights one after the other. A packed file's weights stay as they are: with any it
  // is kUnsupported.
  std::vector<LoraOptions> loras = {};
  WinogradUse winograd = WinogradUse::kAuto;
  size_t memory_limit_bytes = 0;  // 0: what the process may use
  bool previews = false;          // TAESD beside the model (FindTinyVae) is loaded for them
};

// Room for PartSource::winograd_room_bytes, where parts with loaded_bytes are there already.
size_t WinogradRoom(const DiffusionLoadOptions& options, size_t loaded_bytes);

class DiffusionModel {
 public:
  // Fails with kNotFound, kCorrupt or kUnsupported, naming file and field or tensor; also where the
  // parts do not fit each other.
  static Result<std::unique_ptr<DiffusionModel>> Load(const ModelSource& source,
                                                      const DiffusionLoadOptions& options);

  // Of the source's configurations, with random weights, to time a model without having its files.
  static Result<std::unique_ptr<DiffusionModel>> Random(const ModelSource& source, Dtype dtype,
                                                        WinogradUse winograd = WinogradUse::kNever);

  const ClipTextModel& text_encoder() const { return *text_encoder_; }
  const UNetModel& unet() const { return *unet_; }
  const Vae& vae() const { return *vae_; }
  // TAESD, of the same latents: for a look at a picture that is being made. Null: there is none.
  const Vae* preview_vae() const;
  // Text of scheduler_config.json; `_class_name` in it names the scheduler.
  const std::string& scheduler_config() const { return scheduler_config_; }

  Dtype dtype() const { return unet_->info().dtype; }
  size_t parameters() const;
  size_t weight_bytes() const;
  // Some of the convolutions are in Winograd's form.
  bool winograd() const;
  // The weights of all parts as a packed file holds them; they borrow from the model.
  std::vector<PackedTensor> PackedTensors() const;

 private:
  std::unique_ptr<ClipTextModel> text_encoder_;
  std::unique_ptr<UNetModel> unet_;
  std::unique_ptr<Vae> vae_;
  std::unique_ptr<Vae> preview_vae_;  // beside the model's own; may be null
  std::string scheduler_config_;
};

// A part of a model, to load it alone.
Result<PartSource> OpenPart(const ModelSource& source, std::string_view component);
// AutoencoderTiny of a folder (models/diffusion/folder.h).
Result<std::unique_ptr<Vae>> LoadTinyVae(const std::string& directory, Dtype dtype,
                                         size_t winograd_room_bytes = 0);

}  // namespace minnow
