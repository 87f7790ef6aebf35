// SPDX-License-Identifier: Apache-2.0
// The plan, and the parts in their order.
#include "tasks/image/picture.h"

#include <algorithm>
#include <new>
#include <utility>

#include "diffusion/guidance.h"
#include "image/resize.h"
#include "kernels/dispatch.h"
#include "tasks/image/preview.h"
#include "tasks/text_model.h"

namespace minnow {
namespace {

constexpr size_t kLatentsOfWork = 1024;

}  // namespace

Picture::Picture(const ImageModel& model, ImageSettings settings, ThreadPool* pool,
                 const std::atomic<bool>* stop, bool previews)
    : model_(model),
      settings_(std::move(settings)),
      pool_(pool),
      stop_(stop),
      previews_(previews) {}

Result<std::unique_ptr<Picture>> Picture::Make(const ImageModel& model, ImageSettings settings,
                                               ThreadPool* pool, const std::atomic<bool>* stop,
                                               bool previews) {
  std::unique_ptr<Picture> picture(new Picture(model, std::move(settings), pool, stop, previews));
  MINNOW_RETURN_IF_ERROR(picture->Prepare());
  return picture;
}

// What is kept until its turn comes is no larger than the picture.
void Picture::FitInputs() {
  const uint32_t width = settings_.width, height = settings_.height;
  for (auto* input : {&settings_.image, &settings_.mask}) {
    if (*input && ((*input)->width != width || (*input)->height != height))
      *input = Resize(**input, width, height, ResizeFilter::kLanczos);
  }
}

Status Picture::Prepare() {
  MINNOW_ASSIGN_OR_RETURN(scheduler_, NoiseScheduler::Make(settings_.scheduler, settings_.run));
  MINNOW_ASSIGN_OR_RETURN(noise_source_, PictureNoise::Make(settings_.seeds));
  // A UNet that was taught guidance as an input needs no second answer.
  guided_ =
      HasGuidance(settings_.guidance) && model_.parts().unet().config().time_cond_proj_dim == 0;
  MINNOW_ASSIGN_OR_RETURN(prompt_, model_.Tokenize(settings_.prompt));
  MINNOW_ASSIGN_OR_RETURN(negative_, model_.Tokenize(settings_.negative_prompt));
  if (!guided_) negative_.dropped_tokens = 0;
  FitInputs();
  arena_bytes_ = PlanArena();
  drops_weights_ = model_.passes_limit(memory_bytes());
  return {};
}

ImageOps Picture::Ops(Arena& arena, const std::function<void()>* yield) const {
  return ImageOps(ActiveKernels(), model_.map_type(), pool_, arena,
                  arena.planning() ? nullptr : stop_, yield);
}

size_t Picture::PlanArena() {
  Arena plan;
  ImageOps ops = Ops(plan, nullptr);
  TakeBuffers(plan);
  ReadInput(ops);
  ReadPrompts(ops);
  RunUNet(ops);
  if (const Vae* vae = model_.parts().preview_vae(); previews_ && vae != nullptr)
    PreviewBy(*vae, ops, {}, latent_height(), latent_width());
  plan.Release(kept_bytes_);
  CHECK(Decode(ops).ok());
  return plan.peak();
}

void Picture::TakeBuffers(Arena& arena) {
  const auto take = [&](size_t floats) {
    return reinterpret_cast<float*>(arena.Take(floats * sizeof(float)));
  };
  buffers_ = {};
  buffers_.latents = take(values());
  buffers_.noise = take(values());
  buffers_.step_noise = take(values());
  if (settings_.image) buffers_.original = take(values());
  if (settings_.mask) {
    buffers_.mask = take(latent_pixels());
    buffers_.blended = take(values());
    if (inpaints()) buffers_.masked = take(values());
  }
  buffers_.unet_input = take(runs() * model_.parts().unet().config().in_channels * latent_pixels());
  buffers_.unet_output = take(runs() * picture_values());
  kept_bytes_ = arena.used();
}

size_t Picture::memory_bytes() const {
  size_t bytes = arena_bytes_ + scheduler_->KeptBytes(values());
  bytes += settings_.images * settings_.width * settings_.height * size_t{3};
  for (const auto* input : {&settings_.image, &settings_.mask})
    if (*input) bytes += (*input)->pixels.size();
  return bytes;
}

size_t Picture::steps_done() const {
  if (stage_ == Stage::kInput || stage_ == Stage::kPrompts) return 0;
  return scheduler_->entry() - first_entry();
}

std::span<const float> Picture::latents() const {
  if (!arena_ || stage_ < Stage::kSteps) return {};
  return {buffers_.latents, values()};
}

std::vector<float> Picture::ScaledLatents() const {
  std::vector<float> scaled(values());
  scheduler_->ScaleInput(latents(), scaled);
  scaled.resize(picture_values());
  return scaled;
}

std::optional<Image> Picture::Preview(const std::function<void()>* yield) {
  CHECK(previews_ && stage_ == Stage::kSteps);
  const std::vector<float> latents = ScaledLatents();
  const Vae* const vae = model_.parts().preview_vae();
  if (vae == nullptr) return PreviewOf(latents, latent_channels(), latent_height(), latent_width());
  ImageOps ops = Ops(*arena_, yield);
  return PreviewBy(*vae, ops, latents, latent_height(), latent_width());
}

// By the operations of Stable Diffusion 1: a VAE decodes in those of three passes of the UNet, and
// encodes in half of that.
size_t Picture::WorkOf(Stage stage) const {
  const size_t pass = latent_pixels() / kLatentsOfWork + 1;
  switch (stage) {
    case Stage::kInput:
      return settings_.image ? 3 * pass / 2 : 1;
    case Stage::kSteps:
      return runs() * pass;
    case Stage::kDecode:
      return 3 * pass;
    case Stage::kPrompts:
    case Stage::kDone:
      break;
  }
  return 1;
}

size_t Picture::next_work() const { return WorkOf(stage_); }

size_t Picture::total_work() const {
  return WorkOf(Stage::kInput) + WorkOf(Stage::kPrompts) + steps() * WorkOf(Stage::kSteps) +
         settings_.images * WorkOf(Stage::kDecode);
}

Status Picture::Advance(const std::function<void()>* yield) {
  CHECK(!done());
  try {
    if (!arena_) {
      arena_.emplace(arena_bytes_);
      TakeBuffers(*arena_);
      scheduler_->Begin(first_entry(), values());
    }
    ImageOps ops = Ops(*arena_, yield);
    const Stage stage = stage_;
    MINNOW_RETURN_IF_ERROR(RunStage(ops));
    if (drops_weights_ && stage_ != stage) DropWeights(stage);
    if (ops.stopped()) return Error{Code::kDeadline, "the picture was stopped"};
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal,
                 "no memory for a picture: " + std::to_string(memory_bytes()) + " bytes"};
  }
  if (done()) arena_.reset();
  return {};
}

Status Picture::RunStage(ImageOps& ops) {
  switch (stage_) {
    case Stage::kInput:
      ReadInput(ops);
      stage_ = Stage::kPrompts;
      break;
    case Stage::kPrompts:
      ReadPrompts(ops);
      stage_ = Stage::kSteps;
      break;
    case Stage::kSteps:
      RunStep(ops);
      if (!scheduler_->done()) break;
      prompt_values_ = {};
      arena_->Release(kept_bytes_);
      stage_ = Stage::kDecode;
      break;
    case Stage::kDecode:
      MINNOW_RETURN_IF_ERROR(Decode(ops));
      if (images_.size() == settings_.images) stage_ = Stage::kDone;
      break;
    case Stage::kDone:
      break;
  }
  return {};
}

void Picture::DropWeights(Stage done) const {
  const DiffusionModel& parts = model_.parts();
  if (done == Stage::kPrompts) parts.text_encoder().Release();
  if (done == Stage::kSteps) parts.unet().Release();
  if (done == Stage::kInput || done == Stage::kDecode) parts.vae().Release();
}

void Picture::ReadPrompts(ImageOps& ops) {
  const DiffusionModel& parts = model_.parts();
  const size_t each = prompt_.ids.size() * parts.text_encoder().config().hidden_size;
  // The prompts' keys and values stay, so what is below them has to stay too.
  auto* hidden = reinterpret_cast<float*>(ops.arena().Take(runs() * each * sizeof(float)));
  const bool planning = ops.planning();
  const auto encode = [&](const PromptIds& prompt, size_t clip_skip, size_t first) {
    float* out = planning ? nullptr : hidden + first * each;
    parts.text_encoder().Forward(ops, prompt.ids, clip_skip, out);
    for (size_t i = 1; i < settings_.images && !planning; ++i)
      std::copy_n(out, each, out + i * each);
  };
  if (guided_) encode(negative_, settings_.negative_clip_skip, 0);
  encode(prompt_, settings_.clip_skip, guided_ ? settings_.images : 0);
  prompt_values_ = parts.unet().PreparePrompt(ops, hidden, runs(), prompt_.ids.size());
}

void Picture::FillUNetInput() {
  const size_t channels = model_.parts().unet().config().in_channels;
  const size_t own = picture_values(), each = channels * latent_pixels();
  // The output's place is free before the pass.
  scheduler_->ScaleInput({buffers_.latents, values()}, {buffers_.unet_output, values()});
  for (size_t i = 0; i < runs(); ++i) {
    const size_t image = i % settings_.images;
    float* to = buffers_.unet_input + i * each;
    to = std::copy_n(buffers_.unet_output + image * own, own, to);
    if (!inpaints()) continue;
    to = std::copy_n(buffers_.mask, latent_pixels(), to);
    std::copy_n(buffers_.masked + image * own, own, to);
  }
}

void Picture::RunUNet(ImageOps& ops) {
  const bool planning = ops.planning();
  const std::vector<float> timesteps(runs(), planning ? 0.0f : scheduler_->timestep());
  const std::vector<float> guidance(runs(), static_cast<float>(settings_.guidance));
  if (!planning) FillUNetInput();
  model_.parts().unet().Forward(ops,
                                {.latents = buffers_.unet_input,
                                 .images = runs(),
                                 .height = latent_height(),
                                 .width = latent_width(),
                                 .timesteps = timesteps,
                                 .guidance = guidance,
                                 .prompt = &prompt_values_},
                                buffers_.unet_output);
}

void Picture::RunStep(ImageOps& ops) {
  RunUNet(ops);
  if (ops.stopped()) return;
  const std::span<float> answer(buffers_.unet_output, values());
  if (guided_) {
    Guide(answer, {buffers_.unet_output + values(), values()},
          static_cast<float>(settings_.guidance), answer);
  }
  const std::span<float> noise(buffers_.step_noise, values());
  if (scheduler_->draws_noise()) noise_source_->Fill(noise);
  scheduler_->Step(answer, noise, {buffers_.latents, values()});
  if (settings_.mask && !inpaints()) KeepUnmasked();
}

}  // namespace minnow
