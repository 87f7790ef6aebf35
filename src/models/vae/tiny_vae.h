// SPDX-License-Identifier: Apache-2.0
// TinyVae: the AutoencoderTiny of diffusers, TAESD: fast, and without the finest detail.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "models/vae/config.h"
#include "models/vae/vae.h"

namespace minnow {

// y = relu(convolutions of x + x)
using TinyVaeBlock = std::array<Convolution, 3>;

struct TinyVaeStage {
  std::vector<TinyVaeBlock> blocks;
  Convolution sampler;  // before the blocks of the encoder's, after those of the decoder's
  bool has_sampler = false;
};

struct TinyVaeHalf {
  Convolution conv_in;
  std::vector<TinyVaeStage> stages;
  Convolution conv_out;
};

struct TinyVaeWeights {
  TinyVaeHalf encoder;
  TinyVaeHalf decoder;
};

class TinyVae : public Vae {
 public:
  static Result<std::unique_ptr<TinyVae>> Load(const PartSource& source, Dtype dtype);
  static Result<std::unique_ptr<TinyVae>> Random(const TinyVaeConfig& config, Dtype dtype,
                                                 size_t winograd_room_bytes);

  const TinyVaeConfig& config() const { return config_; }
  const VaeInfo& info() const override { return info_; }
  std::vector<PackedTensor> PackedTensors() const override;
  void Release() const override { storage_.Release(); }
  void Encode(ImageOps& ops, const float* pixels, size_t images, size_t height, size_t width,
              float* moments) const override;
  void Decode(ImageOps& ops, const float* latents, size_t images, size_t height, size_t width,
              float* pixels) const override;

 private:
  explicit TinyVae(TinyVaeConfig config);
  WeightList Weights();

  TinyVaeConfig config_;
  VaeInfo info_;
  PartStorage storage_;
  TinyVaeWeights weights_;
};

}  // namespace minnow
