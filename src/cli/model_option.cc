// SPDX-License-Identifier: Apache-2.0
// Options about the model.
#include "cli/model_option.h"

#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>

#include "cli/command_line/command.h"
#include "cli/command_line/good_argument.h"
#include "formats/bundle.h"
#include "models/builtin/language_detector.h"

namespace minnow {
namespace {

// A text that the environment gave is a list; on the command line the option is repeated instead,
// and a path may hold a comma.
std::vector<std::string> SplitVariable(std::vector<std::string> values, const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr || values != std::vector<std::string>{text}) return values;
  std::vector<std::string> parts;
  std::string_view left = text;
  for (bool more = true; more;) {
    const size_t comma = left.find(',');
    more = comma != std::string_view::npos;
    if (comma != 0 && !left.empty()) parts.emplace_back(left.substr(0, comma));
    if (more) left.remove_prefix(comma + 1);
  }
  return parts;
}

struct Named {
  std::string name;  // empty: none was given
  std::string value;
};

Named SplitName(const std::string& text) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  const size_t end = text.find_first_not_of(kLetters);
  if (end == 0 || end == std::string::npos || text[end] != '=') return {"", text};
  return {text.substr(0, end), text.substr(end + 1)};
}

void SetDtypes(const std::vector<std::string>& dtypes, std::vector<ModelOptions>& models) {
  // First what is for all, as what is for one goes before it.
  for (const std::string& dtype : dtypes) {
    const Named named = SplitName(dtype);
    const auto known = ParseDtypeOrAuto(named.value);
    if (!known.ok()) RefuseArgument("--dtype", known.error().message);
    if (!named.name.empty()) continue;
    for (ModelOptions& model : models) model.dtype = dtype;
  }
  for (const std::string& dtype : dtypes) {
    const Named named = SplitName(dtype);
    if (named.name.empty()) continue;
    bool found = false;
    for (ModelOptions& model : models) {
      const bool is = !model.names.empty() && model.names.front() == named.name;
      if (is) model.dtype = named.value;
      found |= is;
    }
    if (!found) {
      RefuseArgument("--dtype", "no model is named " + named.name + " by --model NAME=PATH");
    }
  }
}

// The model of that name; the only one where there is none.
ModelOptions& ModelOf(const char* option, const Named& named, std::vector<ModelOptions>& models) {
  if (named.value.empty()) RefuseArgument(option, "there is no path in it");
  if (named.name.empty()) {
    if (models.size() == 1) return models.front();
    RefuseArgument(option, "there are " + std::to_string(models.size()) +
                               " models: say which by NAME=" + named.value);
  }
  for (ModelOptions& model : models) {
    if (!model.names.empty() && model.names.front() == named.name) return model;
  }
  RefuseArgument(option, "no model is named " + named.name + " by --model NAME=PATH");
}

}  // namespace

void ReadPictureOptions(std::vector<std::string> vaes, std::vector<std::string> loras,
                        std::vector<ModelOptions>& models) {
  for (const std::string& text : SplitVariable(std::move(vaes), "MINNOW_VAE")) {
    const Named named = SplitName(text);
    ModelOf("--vae", named, models).tiny_vae = named.value;
  }
  for (const std::string& text : SplitVariable(std::move(loras), "MINNOW_LORA")) {
    const Named named = SplitName(text);
    ModelOf("--lora", named, models)
        .loras.push_back(GoodArgument("--lora", ParseLora(named.value)));
  }
}

std::vector<ModelOptions> ReadModelOptions(std::vector<std::string> models,
                                           std::vector<std::string> names,
                                           std::vector<std::string> dtypes) {
  std::vector<ModelOptions> options;
  std::set<std::string> seen;
  for (const std::string& text : SplitVariable(std::move(models), "MINNOW_MODEL")) {
    Named named = SplitName(text);
    if (named.value.empty()) RefuseArgument("--model", "there is no path in \"" + text + "\"");
    ModelOptions& model = options.emplace_back();
    model.path = std::move(named.value);
    if (named.name.empty()) continue;
    if (!seen.insert(named.name).second) {
      RefuseArgument("--model", "two models are named " + named.name);
    }
    model.names = {std::move(named.name)};
  }
  if (options.empty()) options.emplace_back();  // the program's own
  names = SplitVariable(std::move(names), "MINNOW_SERVED_MODEL_NAME");
  if (!names.empty() && options.size() > 1) {
    RefuseArgument("--served-model-name", "it names one model, and there are " +
                                              std::to_string(options.size()) +
                                              ": name each of them with --model NAME=PATH");
  }
  for (std::string& name : names) options.front().names.push_back(std::move(name));
  SetDtypes(SplitVariable(std::move(dtypes), "MINNOW_DTYPE"), options);
  return options;
}

void AddModelOption(Command command, std::string& model) {
  command
      .AddOption("--model", model,
                 "Model: a directory, a packed file, an .onnx file or builtin:language-detector; a "
                 "bundled "
                 "program has its own")
      .Env("MINNOW_MODEL");
}

void AddDtypeOption(Command command, std::string& dtype) {
  command
      .AddOption("--dtype", dtype,
                 "Precision: fp32, bf16, int8; auto: a packed file's own, fp32 for a directory")
      .OneOf({"auto", "fp32", "bf16", "int8", "float32", "bfloat16"})
      .Env("MINNOW_DTYPE");
}

void AddThreadsOption(Command command, int& threads) {
  constexpr int kMaxThreads = 1024;
  command.AddOption("--threads", threads, "Threads; 0: as many as there are usable cores")
      .Range(0, kMaxThreads)
      .Env("MINNOW_THREADS");
}

void DefaultToLanguageDetector(std::string& model) {
  if (model.empty() && !HasBundledModel()) model = kLanguageDetector;
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
