// SPDX-License-Identifier: Apache-2.0
// A look at a picture that is being made, without a VAE. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "image/image.h"

namespace minnow {

// RGB, a pixel for each latent; nullopt for a model whose latents are not those of Stable
// Diffusion 1 and 2. latents: [channels, height, width] f32
std::optional<Image> PreviewOf(std::span<const float> latents, size_t channels, size_t height,
                               size_t width);

}  // namespace minnow
