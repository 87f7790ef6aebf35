// SPDX-License-Identifier: Apache-2.0
// --model, --dtype and --threads: of the commands that run one model, and of serve, which runs
// several.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command_line/command.h"
#include "models/weights/precision.h"
#include "nn/dtype.h"
#include "serving/engine_model.h"

namespace minnow {

// Adds --model (MINNOW_MODEL): a directory, a packed file, an ONNX file, kLanguageDetector, or
// nothing in a program that was bundled with a model.
void AddModelOption(Command command, std::string& model);
// Adds --dtype (MINNOW_DTYPE).
void AddDtypeOption(Command command, std::string& dtype);

// Adds --threads (MINNOW_THREADS): 0 is as many as there are usable cores.
void AddThreadsOption(Command command, int& threads);

// For the commands that classify: without --model, the model that was bundled with the program, or
// else its language detector.
void DefaultToLanguageDetector(std::string& model);

// For the command's callback: ends the command line's parsing as wrong usage where there is no
// model.
void RequireModel(const std::string& model);

// The models of serve, at least one. `models`: [NAME=]PATH each, where NAME is of letters, digits,
// '.', '_' and '-'; `names`: of the only model; `dtypes`: [NAME=]DTYPE. Each list is what the
// options gave; what is an environment variable's own text (MINNOW_MODEL, MINNOW_SERVED_MODEL_NAME,
// MINNOW_DTYPE) is cut at commas. Ends the command line's parsing as wrong usage where two models
// have one name, or a name belongs to none.
std::vector<ModelOptions> ReadModelOptions(std::vector<std::string> models,
                                           std::vector<std::string> names,
                                           std::vector<std::string> dtypes);

// --vae and --lora of serve, [NAME=]DIR and [NAME=]FILE[:SCALE] each, go to `models`; without a
// name there may be one model alone. As above, MINNOW_VAE and MINNOW_LORA are cut at commas. Ends
// the command line's parsing as wrong usage where a name belongs to no model, or a scale is none.
void ReadPictureOptions(std::vector<std::string> vaes, std::vector<std::string> loras,
                        std::vector<ModelOptions>& models);

// From the text of --dtype.
Result<EncoderPrecision> ParsePrecision(const std::string& dtype);

}  // namespace minnow
