// SPDX-License-Identifier: Apache-2.0
// A VAE over tiles that overlap by a quarter and are blended there, so that memory does not grow
// with the image. The result differs a little from that without tiles, since each has norms of its
// own.
//
// After AutoencoderKL.tiled_decode and tiled_encode of diffusers 0.42, whose results these are.
#pragma once

#include <cstddef>

#include "models/vae/vae.h"
#include "nn/image_ops.h"

namespace minnow {

inline constexpr size_t kVaeTile = 64;  // side in latents

// Whether an image with latents of that size has more than one tile.
inline bool NeedsVaeTiles(size_t height, size_t width, size_t tile = kVaeTile) {
  return height > tile || width > tile;
}

// As Vae::Decode and Vae::Encode, image after image. tile: side in latents, a multiple of 4.
void DecodeTiled(const Vae& vae, ImageOps& ops, const float* latents, size_t images, size_t height,
                 size_t width, size_t tile, float* pixels);
void EncodeTiled(const Vae& vae, ImageOps& ops, const float* pixels, size_t images, size_t height,
                 size_t width, size_t tile, float* moments);

}  // namespace minnow
