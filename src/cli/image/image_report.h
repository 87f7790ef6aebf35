// SPDX-License-Identifier: Apache-2.0
// ImageReport: what a model that makes pictures takes of this machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "models/source.h"
#include "nn/dtype.h"

namespace minnow {

struct ImageReport {
  Dtype dtype = Dtype::kF32;
  size_t parameters = 0;
  size_t weight_bytes = 0;
  // Convolutions that are in Winograd's form, where this process's memory has room for it.
  bool winograd_unet = false;
  bool winograd_vae = false;
  // A picture of the size that the model was trained with, and what it takes beside the weights.
  uint32_t width = 0;
  uint32_t height = 0;
  size_t picture_bytes = 0;
};

// Loads the model, which has the last word.
Result<ImageReport> ExamineImageModel(const ModelSource& source);

}  // namespace minnow
