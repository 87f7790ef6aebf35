// SPDX-License-Identifier: Apache-2.0
#include "cli/image/lora_option.h"

#include "cli/command_line/good_argument.h"

namespace minnow {

void AddLoraOption(Command command, std::vector<std::string>& loras) {
  command
      .AddOption("--lora", loras,
                 "FILE or FILE:SCALE, an adapter (LoRA) in safetensors that is added to the "
                 "weights; repeatable")
      .OneValueEach()
      .NotEmpty();
}

std::vector<LoraOptions> ParseLoras(const std::vector<std::string>& texts) {
  std::vector<LoraOptions> loras;
  for (const std::string& text : texts) loras.push_back(GoodArgument("--lora", ParseLora(text)));
  return loras;
}

}  // namespace minnow
