// SPDX-License-Identifier: Apache-2.0
// The options of minnow generate that make a request.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command_line/command.h"
#include "tasks/generate/generate.h"

namespace minnow {

struct GenerateCommand {
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
  std::string task;
  std::vector<std::string> stop;
  std::string truncate = "no";
  bool skip_special = false;
  bool clean_up = false;
  bool stream = false;
  bool json = false;
  bool json_input = false;
  bool input_ids = false;
  std::vector<std::string> texts;
  GenerationOptions options;  // what was given
};

// Adds those about how text is generated. What the command line gives is in command->options once
// `finish`, which is returned, was called.
std::function<void()> AddGenerationOptions(Command generate,
                                           std::shared_ptr<GenerateCommand> command);

// The request that a line makes: a text, or with --input-ids an object with "input_ids" and
// parameters by their names. kInvalidArgument names the field.
Result<GenerateRequest> ReadGenerateRequest(const GenerateCommand& command, std::string_view line);

}  // namespace minnow
