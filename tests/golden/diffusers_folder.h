// SPDX-License-Identifier: Apache-2.0
// A folder of diffusers, for tests of what is read from one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/diffusion/diffusion_model.h"
#include "tests/golden/diffusion_harness.h"

namespace minnow {

inline constexpr const char* kIndex = R"({"_class_name": "StableDiffusionImg2ImgPipeline",
  "text_encoder": ["transformers", "CLIPTextModel"], "unet": ["diffusers", "UNet2DConditionModel"],
  "vae": ["diffusers", "AutoencoderKL"], "tokenizer": ["transformers", "CLIPTokenizer"],
  "scheduler": ["diffusers", "DDIMScheduler"], "safety_checker": [null, null]})";
inline constexpr const char* kScheduler = R"({"_class_name": "DDIMScheduler"})";

// A folder of three fixtures that fit each other.
class DiffusersFolder : public testing::Test {
 protected:
  DiffusersFolder()
      : unet_(ReadDiffusionFixture("unet_sd2")),
        vae_(ReadDiffusionFixture("vae_old")),
        clip_(ReadDiffusionFixture("clip")) {
    folder_.Write("model_index.json", kIndex);
    folder_.Write("scheduler/scheduler_config.json", kScheduler);
    folder_.Write("tokenizer/tokenizer_config.json", "{}");
    folder_.Write("unet/config.json", unet_.Config());
    folder_.Write("vae/config.json", vae_.Config());
    folder_.Write("text_encoder/config.json", clip_.Config());
  }

  void WriteWeights() const {
    WriteSafetensors(folder_.File("unet/diffusion_pytorch_model.safetensors"), unet_.Tensors());
    WriteSafetensors(folder_.File("vae/diffusion_pytorch_model.safetensors"), vae_.Tensors());
    WriteSafetensors(folder_.File("text_encoder/model.safetensors"), clip_.Tensors());
  }

  Result<std::unique_ptr<DiffusionModel>> Load(const std::string& path,
                                               std::optional<Dtype> dtype = std::nullopt,
                                               const std::vector<LoraOptions>& loras = {}) const {
    MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
    return DiffusionModel::Load(source, {.dtype = dtype, .tiny_vae = "", .loras = loras});
  }
  std::string ErrorOf(const std::string& path) const {
    const auto model = Load(path);
    return model.ok() ? "(loaded)" : model.error().message;
  }

  UNetCall Call() const {
    return {InputPlanes("input.latents", 2, 4, 9, 13),
            FormulaValues("input.prompt", {2, 5, 24}),
            2,
            9,
            13,
            5,
            unet_.Floats("timesteps"),
            {}};
  }
  std::vector<float> Decoded(const DiffusionModel& model) const {
    return DecodeLatents(model.vae(), InputPlanes("input.latents", 1, 4, 20, 13), 1, 20, 13);
  }

  const DiffusionFixture unet_;
  const DiffusionFixture vae_;
  const DiffusionFixture clip_;
  TestFolder folder_;
};

}  // namespace minnow
