// SPDX-License-Identifier: Apache-2.0
// Adapters of low rank (LoRA), which change the weights of a text encoder and a UNet while they
// are loaded: weight + scale * alpha / rank * up * down.
//
// Files: safetensors with the names of kohya's scripts (lora_unet_..., lora_te_...), of PEFT
// (unet....lora_A.weight) and of older versions of diffusers. The paper:
// https://arxiv.org/abs/2106.09685
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/tensor_source.h"

namespace minnow {

struct LoraOptions {
  std::string path;  // a safetensors file
  float scale = 1;
};

// "FILE" or "FILE:SCALE". Fails where the scale is not finite.
Result<LoraOptions> ParseLora(std::string_view text);

// What a tensor of such a file belongs to.
struct LoraName {
  enum class Role { kDown, kUp, kAlpha };
  std::string component;  // "unet", "text_encoder"
  std::string tensor;     // as the models here list it: "....to_q.weight"
  Role role = Role::kDown;
};
// Fails with kUnsupported for adapters of other kinds (LoHa, LoKr, DoRA) and for names of none.
Result<LoraName> ParseLoraName(std::string_view stored);

// Adapters that were read, in the order in which they are added.
class Loras {
 public:
  // Fails with kNotFound, kCorrupt or kUnsupported, naming file and tensor.
  static Result<std::shared_ptr<const Loras>> Read(const std::vector<LoraOptions>& options);

  // `source` with the changes of a component. Fails with kUnsupported where a tensor that an
  // adapter changes is not there or has another shape: it is for another model.
  Result<std::shared_ptr<const TensorSource>> Apply(
      std::string_view component, std::shared_ptr<const TensorSource> source) const;

 private:
  // A change of one tensor.
  struct Change {
    std::string file;
    std::vector<float> up, down;
    size_t rows = 0, rank = 0, columns = 0;
    float scale = 1;
  };
  using Changes = std::map<std::string, std::vector<Change>, std::less<>>;  // by tensor
  friend class LoraReader;

  std::map<std::string, Changes, std::less<>> components_;
};

}  // namespace minnow
