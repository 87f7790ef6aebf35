// SPDX-License-Identifier: Apache-2.0
// Options about the model.
#include "cli/model_option.h"

#include "cli/command_line/command.h"
#include "formats/bundle.h"

namespace minnow {

void AddModelOption(Command command, std::string& model) {
  command
      .AddOption("--model", model,
                 "Model: a directory or a packed file; a bundled program has its own")
      .Env("MINNOW_MODEL");
}

void AddDtypeOption(Command command, std::string& dtype) {
  command
      .AddOption("--dtype", dtype,
                 "Precision: fp32, bf16, int8; auto: a packed file's own, fp32 for a directory")
      .Env("MINNOW_DTYPE");
}

void RequireModel(const std::string& model) {
  if (model.empty() && !HasBundledModel()) RequireArgument("--model");
}

Result<EncoderPrecision> ParsePrecision(const std::string& dtype) {
  EncoderPrecision precision;
  MINNOW_ASSIGN_OR_RETURN(precision.dtype, ParseDtypeOrAuto(dtype));
  return precision;
}

}  // namespace minnow
