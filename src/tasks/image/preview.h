// SPDX-License-Identifier: Apache-2.0
// A look at a picture that is being made. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "image/image.h"
#include "models/vae/vae.h"
#include "nn/image_ops.h"

namespace minnow {

// Without a VAE: RGB, a pixel for each latent; nullopt for a model whose latents are not those of
// Stable Diffusion 1 and 2. latents: [channels, height, width] f32
std::optional<Image> PreviewOf(std::span<const float> latents, size_t channels, size_t height,
                               size_t width);

// By a small VAE. Of a picture with a side of more than kMostPreviewSide latents, blocks of them
// are averaged first, so that a look takes neither time nor memory to speak of. nullopt: `ops`
// plans, or was stopped. latents: [the VAE's latent channels, height, width] f32, as a UNet has
// them
inline constexpr size_t kMostPreviewSide = 64;
std::optional<Image> PreviewBy(const Vae& vae, ImageOps& ops, std::span<const float> latents,
                               size_t height, size_t width);

}  // namespace minnow
