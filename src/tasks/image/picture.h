// SPDX-License-Identifier: Apache-2.0
// Picture: one request's pictures on their way from noise to pixels, a part at a time, so that
// others may have their turn between two parts.
//
//   auto picture = Picture::Make(model, settings, pool, &stop);
//   while (!picture->done()) picture->Advance();
//   picture->TakeImages();
//
// What comes of it depends on the settings alone: not on threads, nor on what runs beside it. One
// thread at a time, but for the `stop` flag.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "diffusion/noise.h"
#include "diffusion/scheduler.h"
#include "image/image.h"
#include "models/unet/unet_model.h"
#include "nn/arena.h"
#include "nn/image_ops.h"
#include "tasks/image/image_model.h"
#include "tasks/image/request.h"

namespace minnow {

class Picture {
 public:
  // Plans; takes no memory to speak of. `model`, `pool` and `stop` outlive it; `pool` and `stop`
  // may be null. Once `stop` is set, Advance ends with kDeadline before the next tile of rows.
  // previews: Preview may be called.
  static Result<std::unique_ptr<Picture>> Make(const ImageModel& model, ImageSettings settings,
                                               ThreadPool* pool, const std::atomic<bool>* stop,
                                               bool previews = false);

  const ImageSettings& settings() const { return settings_; }
  // At its highest, weights apart; the images that the settings hold are counted.
  size_t memory_bytes() const;
  // Tokens that the text encoder has no room for.
  size_t dropped_tokens() const { return prompt_.dropped_tokens; }
  size_t dropped_negative_tokens() const { return negative_.dropped_tokens; }

  // Calls of the UNet: all, and those done. A scheduler may need more than a step of the settings
  // has.
  size_t steps() const { return scheduler_->timesteps().size() - first_entry(); }
  size_t steps_done() const;

  bool done() const { return stage_ == Stage::kDone; }
  // The next part: the input, the prompts, one step, or the decoding of one picture. Nothing may
  // be called after an error, of which kInternal is for memory and for values that are not finite.
  // Within it, `yield` is called every few milliseconds, where it is not null.
  Status Advance(const std::function<void()>* yield = nullptr);
  // About how much arithmetic the next part is, and all parts together: 1 for each 1,024 latents
  // that the UNet sees once (65,536 pixels of most models), and for what is less.
  size_t next_work() const;
  size_t total_work() const;
  size_t latent_channels() const { return model_.parts().vae().info().latent_channels; }
  size_t latent_height() const { return settings_.height / model_.factor(); }
  size_t latent_width() const { return settings_.width / model_.factor(); }
  // Latents so far, [images, 4, height, width]; empty before the first step.
  std::span<const float> latents() const;
  // A look at the first picture: by TAESD where the model has it, else a pixel for each latent.
  // nullopt: there is none for this model, or it was stopped. `yield` as for Advance. May throw
  // std::bad_alloc. REQUIRES: `previews`, after the first step, before the last
  std::optional<Image> Preview(const std::function<void()>* yield = nullptr);
  // REQUIRES: done(), once
  std::vector<Image> TakeImages() { return std::move(images_); }

 private:
  enum class Stage { kInput, kPrompts, kSteps, kDecode, kDone };
  // Of the arena; null while planning, and where the settings do without.
  struct Buffers {
    float* latents = nullptr;      // [images, C, h, w]
    float* noise = nullptr;        // the same: the one that it begins with
    float* step_noise = nullptr;   // the same
    float* blended = nullptr;      // the same: the original as far as the latents are
    float* original = nullptr;     // the same: latents of the input
    float* mask = nullptr;         // [h, w]
    float* masked = nullptr;       // [images, C, h, w]: of an inpainting model, around the mask
    float* unet_input = nullptr;   // [runs, its channels, h, w]
    float* unet_output = nullptr;  // [runs, C, h, w]
  };

  Picture(const ImageModel& model, ImageSettings settings, ThreadPool* pool,
          const std::atomic<bool>* stop, bool previews);

  Status Prepare();
  void FitInputs();
  size_t PlanArena();
  ImageOps Ops(Arena& arena, const std::function<void()>* yield) const;
  void TakeBuffers(Arena& arena);
  Status RunStage(ImageOps& ops);
  size_t WorkOf(Stage stage) const;
  void DropWeights(Stage done) const;

  // Each plans where `ops` does.
  void ReadInput(ImageOps& ops);
  void EncodeImage(ImageOps& ops, bool around_mask, float* moments);
  void HideMasked(float* hidden, float* planes) const;
  void DrawLatents(const float* moments, float* latents);
  void ReadMask();
  void BeginLatents();
  void ReadPrompts(ImageOps& ops);
  void RunUNet(ImageOps& ops);
  void FillUNetInput();
  void RunStep(ImageOps& ops);
  // The first picture's, [4, height, width], as the UNet is given them: of about the same size at
  // every step.
  std::vector<float> ScaledLatents() const;
  void KeepUnmasked();
  Status Decode(ImageOps& ops);

  size_t latent_pixels() const { return latent_height() * latent_width(); }
  size_t picture_values() const { return latent_channels() * latent_pixels(); }
  size_t values() const { return settings_.images * picture_values(); }
  size_t runs() const { return settings_.images * (guided_ ? 2 : 1); }
  size_t first_entry() const {
    return static_cast<size_t>(settings_.first_step) * scheduler_->order();
  }
  bool inpaints() const { return model_.parts().unet().config().in_channels != latent_channels(); }
  bool from_noise() const {
    return !settings_.image || (settings_.mask && settings_.strength == 1);
  }

  const ImageModel& model_;
  ImageSettings settings_;
  ThreadPool* const pool_;
  const std::atomic<bool>* const stop_;
  const bool previews_;
  bool guided_ = false;  // the UNet is asked twice
  // Weights that lie in a packed file leave memory after the stage that they are for.
  bool drops_weights_ = false;

  PromptIds prompt_, negative_;
  std::unique_ptr<NoiseScheduler> scheduler_;
  std::optional<PictureNoise> noise_source_;
  size_t arena_bytes_ = 0;

  Stage stage_ = Stage::kInput;
  std::optional<Arena> arena_;
  Buffers buffers_;
  size_t kept_bytes_ = 0;  // of the arena, below what the prompts take
  UNetPrompt prompt_values_;
  std::vector<Image> images_;
};

}  // namespace minnow
