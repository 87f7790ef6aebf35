// SPDX-License-Identifier: Apache-2.0
// A folder of diffusers: model_index.json names the pipeline, and each part has a folder.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/tensor_source.h"

namespace minnow {

struct ModelComponent;

// Whether the directory has a model_index.json.
bool IsDiffusersFolder(const std::string& directory);

// The components of such a folder, and where they are. Fails with kUnsupported for a pipeline or a
// class that is not implemented, with kCorrupt and kNotFound.
Result<std::map<std::string, ModelComponent, std::less<>>> ReadDiffusersComponents(
    const std::string& directory);

// The tensors of one part (models/diffusion/part.h), under the names that it lists.
Result<std::shared_ptr<const TensorSource>> OpenDiffusersTensors(const std::string& directory,
                                                                 std::string_view component);

// TAESD: a folder of an AutoencoderTiny, or one with taesd_encoder.safetensors and
// taesd_decoder.safetensors.
struct TinyVaeSource {
  std::string config;
  std::string config_name;
  std::shared_ptr<const TensorSource> tensors;
};
Result<TinyVaeSource> OpenTinyVae(const std::string& directory);

// The folder `taesd` in a model's folder, or beside its file; empty where there is none.
std::string FindTinyVae(const std::string& model);

}  // namespace minnow
