// SPDX-License-Identifier: Apache-2.0
// --lora, of the commands that load or pack a model that makes pictures.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line/command.h"
#include "models/diffusion/lora.h"

namespace minnow {

void AddLoraOption(Command command, std::vector<std::string>& loras);

// Ends the command line's parsing as wrong usage where a scale is none.
std::vector<LoraOptions> ParseLoras(const std::vector<std::string>& texts);

}  // namespace minnow
