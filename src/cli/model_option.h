// SPDX-License-Identifier: Apache-2.0
// --model and --dtype, which the commands that run a model share.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/command_line/command.h"
#include "models/sentence_encoder.h"
#include "nn/dtype.h"

namespace minnow {

// Adds --model (MINNOW_MODEL): a directory, a packed file, or nothing in a program that carries a
// model.
void AddModelOption(Command command, std::string& model);
// Adds --dtype (MINNOW_DTYPE).
void AddDtypeOption(Command command, std::string& dtype);

// For the command's callback: ends the command line's parsing as wrong usage where there is no
// model.
void RequireModel(const std::string& model);

// From the text of --dtype.
Result<EncoderPrecision> ParsePrecision(const std::string& dtype);

}  // namespace minnow
