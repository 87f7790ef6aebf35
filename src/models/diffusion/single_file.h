// SPDX-License-Identifier: Apache-2.0
// A checkpoint in one file, as the first programs for Stable Diffusion wrote them: all parts in it,
// without configurations, which are inferred from the tensors' shapes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/checkpoint.h"
#include "formats/tensor_source.h"

namespace minnow {

// By component: "unet", "vae", "text_encoder"; of "scheduler" there is a configuration alone.
struct SingleFileModel {
  std::map<std::string, std::string, std::less<>> configs;  // JSON text
  std::map<std::string, std::shared_ptr<const TensorSource>, std::less<>> tensors;
};

// Fails with kUnsupported for checkpoints of other models, which are named where they are known,
// and for the pickles .ckpt, .pt and .bin; with kCorrupt where the shapes make no model.
Result<SingleFileModel> OpenSingleFile(const std::string& path);

// Whether the file's name is that of a pickle.
bool IsPickleName(std::string_view path);

}  // namespace minnow
