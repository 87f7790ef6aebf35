// SPDX-License-Identifier: Apache-2.0
// A picture's two ends: from the input's pixels to latents, in the order in which diffusers draws
// noise, and from latents to pixels.
#include <algorithm>
#include <cmath>

#include "diffusion/guidance.h"
#include "image/tensor.h"
#include "models/vae/tiling.h"
#include "tasks/image/picture.h"
#include "tasks/text_model.h"

namespace minnow {
namespace {

constexpr float kLeastLogVariance = -30;
constexpr float kMostLogVariance = 20;

}  // namespace

// First the input's own noise, then that of the pictures, then an inpainting model's.
void Picture::ReadInput(ImageOps& ops) {
  const ArenaScope scope(ops.arena());
  const VaeInfo& vae = model_.parts().vae().info();
  const bool planning = ops.planning();
  auto* moments = reinterpret_cast<float*>(
      ops.arena().Take(vae.moment_channels() * latent_pixels() * sizeof(float)));
  if (settings_.mask && !planning) ReadMask();
  if (settings_.image && !(inpaints() && from_noise())) {
    EncodeImage(ops, /*around_mask=*/false, moments);
    if (!planning) DrawLatents(moments, buffers_.original);
  }
  if (!planning) BeginLatents();
  if (!settings_.mask) return;
  // diffusers encodes what is around the mask for every model, and draws for it.
  if (inpaints()) EncodeImage(ops, /*around_mask=*/true, moments);
  if (!planning) DrawLatents(inpaints() ? moments : nullptr, buffers_.masked);
}

void Picture::EncodeImage(ImageOps& ops, bool around_mask, float* moments) {
  const ArenaScope scope(ops.arena());
  const size_t width = settings_.width, height = settings_.height;
  const Vae& vae = model_.parts().vae();
  const auto take = [&](size_t floats) {
    return reinterpret_cast<float*>(ops.arena().Take(floats * sizeof(float)));
  };
  float* planes = take(3 * width * height);
  float* hidden = around_mask ? take(width * height) : nullptr;
  if (!ops.planning()) {
    ToPlanes(*settings_.image, ValueRange::kMinusOneToOne, {planes, 3 * width * height});
    if (around_mask) HideMasked(hidden, planes);
  }
  if (settings_.tiled) {
    EncodeTiled(vae, ops, planes, 1, latent_height(), latent_width(), kVaeTile, moments);
  } else {
    vae.Encode(ops, planes, 1, height, width, moments);
  }
}

// What is repainted becomes grey. hidden: [height, width], room for the mask; planes: [3, height,
// width].
void Picture::HideMasked(float* hidden, float* planes) const {
  const size_t pixels = size_t{settings_.width} * settings_.height;
  ToLatentMask(*settings_.mask, settings_.width, settings_.height, {hidden, pixels});
  for (size_t i = 0; i < 3 * pixels; ++i) {
    if (hidden[i % pixels] != 0) planes[i] = 0;
  }
}

void Picture::ReadMask() {
  ToLatentMask(*settings_.mask, static_cast<uint32_t>(latent_width()),
               static_cast<uint32_t>(latent_height()), {buffers_.mask, latent_pixels()});
}

// latents: [images, C, h, w] of one image's moments: mean + exp(log variance / 2) * noise, each
// seed's own. Null moments: noise is drawn, and nothing made of it.
void Picture::DrawLatents(const float* moments, float* latents) {
  const VaeInfo& vae = model_.parts().vae().info();
  const size_t each = picture_values(), seeds = settings_.seeds.size();
  const std::span<float> noise(buffers_.step_noise, seeds * each);
  if (vae.has_variance) noise_source_->Fill(noise);
  if (moments == nullptr) return;
  const float* log_variance = moments + each;
  for (size_t i = 0; i < settings_.images; ++i) {
    const float* drawn = noise.data() + (i % seeds) * each;
    float* to = latents + i * each;
    for (size_t j = 0; j < each; ++j) {
      float value = moments[j];
      if (vae.has_variance) {
        const float half = 0.5f * std::clamp(log_variance[j], kLeastLogVariance, kMostLogVariance);
        value += static_cast<float>(std::exp(static_cast<double>(half))) * drawn[j];
      }
      to[j] = (value - vae.shift_factor) * vae.scaling_factor;
    }
  }
}

void Picture::BeginLatents() {
  const std::span<float> noise(buffers_.noise, values()), latents(buffers_.latents, values());
  noise_source_->Fill(noise);
  if (!from_noise()) {
    scheduler_->AddNoise(first_entry(), {buffers_.original, values()}, noise, latents);
    return;
  }
  for (size_t i = 0; i < latents.size(); ++i)
    latents[i] = noise[i] * scheduler_->init_noise_sigma();
}

void Picture::KeepUnmasked() {
  const std::span<float> blended(buffers_.blended, values());
  const std::span<const float> original(buffers_.original, values());
  if (scheduler_->done()) {
    std::copy(original.begin(), original.end(), blended.begin());
  } else {
    scheduler_->AddNoise(scheduler_->entry(), original, {buffers_.noise, values()}, blended);
  }
  BlendMask({buffers_.mask, latent_pixels()}, blended, settings_.images, latent_channels(),
            {buffers_.latents, values()});
}

Status Picture::Decode(ImageOps& ops) {
  const ArenaScope scope(ops.arena());
  const Vae& vae = model_.parts().vae();
  const size_t pixels = size_t{settings_.width} * settings_.height;
  const auto take = [&](size_t floats) {
    return reinterpret_cast<float*>(ops.arena().Take(floats * sizeof(float)));
  };
  float* latents = take(picture_values());
  float* planes = take(3 * pixels);
  if (!ops.planning()) {
    const float* from = buffers_.latents + images_.size() * picture_values();
    const VaeInfo& info = vae.info();
    for (size_t i = 0; i < picture_values(); ++i)
      latents[i] = from[i] / info.scaling_factor + info.shift_factor;
  }
  if (settings_.tiled) {
    DecodeTiled(vae, ops, latents, 1, latent_height(), latent_width(), kVaeTile, planes);
  } else {
    vae.Decode(ops, latents, 1, latent_height(), latent_width(), planes);
  }
  if (ops.planning() || ops.stopped()) return {};
  // Such values would become black.
  if (!AllFinite({planes, 3 * pixels})) return Error{Code::kInternal, kNotFinite};
  images_.push_back(FromPlanes({planes, 3 * pixels}, settings_.width, settings_.height,
                               ValueRange::kMinusOneToOne, ValueRounding::kHalfToEven));
  return {};
}

}  // namespace minnow
