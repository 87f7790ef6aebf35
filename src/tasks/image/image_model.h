// SPDX-License-Identifier: Apache-2.0
// ImageModel: what makes pictures of texts: a tokenizer and the parts of a Stable Diffusion.
//
// Const after loading; may be used from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diffusion/scheduler_config.h"
#include "models/diffusion/diffusion_model.h"
#include "models/source.h"
#include "text/tokenizer.h"

namespace minnow {

struct ImageModelOptions {
  std::optional<Dtype> dtype;  // nullopt: a packed file's own, else fp32
  std::string tiny_vae;        // a folder of TAESD instead of the model's VAE; empty: the model's
  std::vector<LoraOptions> loras = {};
  WinogradUse winograd = WinogradUse::kAuto;
  size_t memory_limit_bytes = 0;  // 0: what the process may use
  bool previews = false;          // DiffusionLoadOptions::previews
};

// A prompt as the text encoder takes it.
struct PromptIds {
  std::vector<int32_t> ids;   // as many as the encoder has positions
  size_t dropped_tokens = 0;  // that were too many
};

class ImageModel {
 public:
  // Fails as DiffusionModel::Load and Tokenizer::LoadDirectory do. The tokenizer of a single-file
  // checkpoint is the folder `tokenizer` beside it.
  static Result<std::unique_ptr<ImageModel>> Load(const ModelSource& source,
                                                  const ImageModelOptions& options);

  const DiffusionModel& parts() const { return *parts_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const std::string& model_id() const { return model_id_; }
  // Of the feature maps: those of int8 weights are bf16.
  Dtype map_type() const { return parts_->dtype() == Dtype::kF32 ? Dtype::kF32 : Dtype::kBF16; }
  // Whether weights and as much beside them are above the limit.
  bool passes_limit(size_t bytes) const;
  // Sides of pictures are multiples of it.
  size_t factor() const { return parts_->vae().info().factor; }

  // kUnsupported: the vocabulary is not the text encoder's.
  Result<PromptIds> Tokenize(std::string_view prompt) const;
  // By one of SchedulerNames(); empty: the model's own.
  Result<SchedulerConfig> Scheduler(std::string_view name) const;

 private:
  Status FindPadding(const ModelSource& source);

  std::unique_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<const DiffusionModel> parts_;
  std::string model_id_;
  size_t memory_limit_bytes_ = 0;  // 0: not known
  TokenId padding_ = 0;            // fills a prompt up
};

}  // namespace minnow
