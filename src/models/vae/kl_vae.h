// SPDX-License-Identifier: Apache-2.0
// KlVae: the AutoencoderKL of Stable Diffusion.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "models/blocks/resnet.h"
#include "models/vae/config.h"
#include "models/vae/vae.h"

namespace minnow {

// All pixels attend to each other: one head as wide as the channels.
struct VaeAttention {
  GroupNorm norm;
  Linear query_key_value;
  Linear output;
};

struct VaeStage {
  std::vector<ResnetWeights> resnets;
  Convolution sampler;  // to the next resolution
  bool has_sampler = false;
};

struct VaeMid {
  std::array<ResnetWeights, 2> resnets;
  VaeAttention attention;
};

struct VaeHalf {
  Convolution conv_in;
  std::vector<VaeStage> stages;
  VaeMid mid;  // after the stages of the encoder, before those of the decoder
  GroupNorm norm_out;
  Convolution conv_out;
  Linear quant;  // 1x1, after the encoder, or before the decoder
};

struct KlVaeWeights {
  VaeHalf encoder;
  VaeHalf decoder;
};

class KlVae : public Vae {
 public:
  static Result<std::unique_ptr<KlVae>> Load(const PartSource& source, Dtype dtype);
  static Result<std::unique_ptr<KlVae>> Random(const KlVaeConfig& config, Dtype dtype,
                                               size_t winograd_room_bytes);

  const KlVaeConfig& config() const { return config_; }
  const VaeInfo& info() const override { return info_; }
  std::vector<PackedTensor> PackedTensors() const override;
  void Release() const override { storage_.Release(); }
  void Encode(ImageOps& ops, const float* pixels, size_t images, size_t height, size_t width,
              float* moments) const override;
  void Decode(ImageOps& ops, const float* latents, size_t images, size_t height, size_t width,
              float* pixels) const override;

 private:
  explicit KlVae(KlVaeConfig config);
  WeightList Weights();

  KlVaeConfig config_;
  VaeInfo info_;
  PartStorage storage_;
  KlVaeWeights weights_;
};

// Calls `visitor` for every weight, with its place in `weights`; ends at the first error.
Status VisitKlVaeWeights(const KlVaeConfig& config, KlVaeWeights& weights, WeightVisitor& visitor);

}  // namespace minnow
