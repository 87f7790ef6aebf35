// SPDX-License-Identifier: Apache-2.0
// Options about the model.
#include "cli/model_option.h"

#include <CLI/CLI.hpp>

#include "formats/bundle.h"

namespace minnow {

void AddModelOption(CLI::App& command, std::string& model) {
  command
      .add_option("--model", model,
                  "Model: a directory or a packed file; a bundled program has its own")
      ->envname("MINNOW_MODEL");
}

void AddDtypeOption(CLI::App& command, std::string& dtype) {
  command
      .add_option("--dtype", dtype,
                  "Precision: fp32, bf16, int8; auto: a packed file's own, fp32 for a directory")
      ->envname("MINNOW_DTYPE");
}

void RequireModel(const std::string& model) {
  if (model.empty() && !HasBundledModel()) throw CLI::RequiredError("--model");
}

Result<EncoderPrecision> ParsePrecision(const std::string& dtype) {
  EncoderPrecision precision;
  MINNOW_ASSIGN_OR_RETURN(precision.dtype, ParseDtypeOrAuto(dtype));
  return precision;
}

}  // namespace minnow
