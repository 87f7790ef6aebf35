// SPDX-License-Identifier: Apache-2.0
// Vae: images to latents and back, whatever the network between them.
//
// Const after loading; may be used from any thread, each with its own ImageOps.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/packed.h"
#include "models/diffusion/part.h"
#include "nn/image_ops.h"

namespace minnow {

struct VaeInfo {
  PartInfo part;
  size_t factor = 8;  // sides of an image to those of its latents
  size_t image_channels = 3;
  size_t latent_channels = 4;
  // What Encode gives for each latent channel: mean and logarithm of the variance, not limited yet,
  // or the latents alone.
  bool has_variance = true;
  // Latents of the UNet are (these - shift) * scaling.
  float scaling_factor = 1;
  float shift_factor = 0;

  size_t moment_channels() const { return latent_channels * (has_variance ? 2 : 1); }
};

class Vae {
 public:
  virtual ~Vae() = default;
  // An AutoencoderKL or an AutoencoderTiny, as the configuration says.
  static Result<std::unique_ptr<Vae>> Load(const PartSource& source, Dtype dtype);
  // Of that shape, with random weights. config: JSON text; name: for messages.
  static Result<std::unique_ptr<Vae>> Random(const std::string& config, const std::string& name,
                                             Dtype dtype, size_t winograd_room_bytes = 0);

  virtual const VaeInfo& info() const = 0;
  // The weights as a packed file holds them; they borrow from the model.
  virtual std::vector<PackedTensor> PackedTensors() const = 0;
  // PartStorage::Release
  virtual void Release() const = 0;

  // pixels: [images, image_channels, height, width], from -1 to 1; the sides are multiples of the
  // factor. moments: [images, moment_channels, height / factor, width / factor], the means first;
  // null where `ops` plans.
  virtual void Encode(ImageOps& ops, const float* pixels, size_t images, size_t height,
                      size_t width, float* moments) const = 0;
  // latents: [images, latent_channels, height, width], as Encode gives their mean. pixels: [images,
  // image_channels, height * factor, width * factor]; not limited to -1 and 1.
  virtual void Decode(ImageOps& ops, const float* latents, size_t images, size_t height,
                      size_t width, float* pixels) const = 0;
};

}  // namespace minnow
