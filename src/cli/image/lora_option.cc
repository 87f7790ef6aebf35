// SPDX-License-Identifier: Apache-2.0
#include "cli/image/lora_option.h"

#include <utility>

namespace minnow {

void AddLoraOption(Command command, std::vector<std::string>& loras) {
  command
      .AddOption("--lora", loras,
                 "FILE or FILE:SCALE, an adapter (LoRA) in safetensors that is added to the "
                 "weights; repeatable")
      .OneValueEach()
      .NotEmpty();
}

Result<std::vector<LoraOptions>> ParseLoras(const std::vector<std::string>& texts) {
  std::vector<LoraOptions> loras;
  for (const std::string& text : texts) {
    MINNOW_ASSIGN_OR_RETURN(LoraOptions lora, ParseLora(text));
    loras.push_back(std::move(lora));
  }
  return loras;
}

}  // namespace minnow
