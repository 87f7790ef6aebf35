// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/folder.h"

#include <array>
#include <filesystem>
#include <utility>

#include "base/mapped_file.h"
#include "formats/checkpoint.h"
#include "formats/json.h"
#include "models/blocks/config_fields.h"
#include "models/diffusion/names.h"
#include "models/diffusion/part.h"
#include "models/diffusion/renamed_source.h"
#include "models/registry.h"
#include "models/source.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndex = "model_index.json";
constexpr const char* kDiffusersStem = "diffusion_pytorch_model";
constexpr const char* kTinyVaeFolder = "taesd";

struct ComponentRow {
  std::string_view name;
  const char* config;                       // a file in its folder
  std::array<std::string_view, 2> classes;  // empty: any
};
constexpr std::array kComponents = {
    ComponentRow{kTextEncoderPart, "config.json", {"CLIPTextModel"}},
    ComponentRow{kUNetPart, "config.json", {"UNet2DConditionModel"}},
    ComponentRow{kVaePart, "config.json", {"AutoencoderKL", "AutoencoderTiny"}},
    ComponentRow{kSchedulerPart, "scheduler_config.json", {}},
    ComponentRow{kTokenizerPart, "tokenizer_config.json", {"CLIPTokenizer", "CLIPTokenizerFast"}},
};

// "unet": ["diffusers", "UNet2DConditionModel"]
Status CheckComponent(const JsonView& root, const ComponentRow& row) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView entry, root.Get(row.name));
  MINNOW_ASSIGN_OR_RETURN(const JsonView pair, entry.Array());
  if (pair.size() != 2) return pair.Expected("a library and a class");
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, pair.at(1).String());
  std::string known;
  for (const std::string_view wanted : row.classes) {
    if (wanted.empty()) continue;
    if (name == wanted) return {};
    known += (known.empty() ? "" : ", ") + std::string(wanted);
  }
  if (known.empty()) return {};
  return pair.at(1).Wrong(Code::kUnsupported,
                          QuoteForMessage(name) + " is not supported (known: " + known + ")");
}

}  // namespace

bool IsDiffusersFolder(const std::string& directory) {
  std::error_code ec;
  return fs::is_regular_file(fs::path(directory) / kIndex, ec);
}

Result<std::map<std::string, ModelComponent, std::less<>>> ReadDiffusersComponents(
    const std::string& directory) {
  const std::string index = directory + "/" + kIndex;
  MINNOW_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(index, kMaxConfigBytes));
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ParseModelConfig(text, index));
  const JsonView root = document.root();
  // Pipelines of one text encoder, a UNet and a VAE. They differ in what is done around these.
  MINNOW_RETURN_IF_ERROR(
      RequireOneOf(root, "_class_name",
                   {"StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline",
                    "StableDiffusionInpaintPipeline", "LatentConsistencyModelPipeline",
                    "LatentConsistencyModelImg2ImgPipeline"}));
  std::map<std::string, ModelComponent, std::less<>> components;
  for (const ComponentRow& row : kComponents) {
    MINNOW_RETURN_IF_ERROR(CheckComponent(root, row));
    const std::string folder = directory + "/" + std::string(row.name);
    components.emplace(row.name, ModelComponent{folder, folder + "/" + row.config});
  }
  return components;
}

Result<std::shared_ptr<const TensorSource>> OpenDiffusersTensors(const std::string& directory,
                                                                 std::string_view component) {
  const bool text = component == kTextEncoderPart;
  MINNOW_ASSIGN_OR_RETURN(Checkpoint opened,
                          Checkpoint::OpenDirectory(directory, text ? "model" : kDiffusersStem));
  const auto checkpoint = std::make_shared<const Checkpoint>(std::move(opened));
  if (component == kUNetPart) return std::shared_ptr<const TensorSource>(checkpoint);
  auto renamed = std::make_shared<RenamedSource>();
  renamed->AddAll(checkpoint, text ? TextEncoderName : VaeName);
  return std::shared_ptr<const TensorSource>(std::move(renamed));
}

Result<TinyVaeSource> OpenTinyVae(const std::string& directory) {
  const std::string encoder = directory + "/taesd_encoder.safetensors";
  const std::string decoder = directory + "/taesd_decoder.safetensors";
  const std::string config = directory + "/config.json";
  TinyVaeSource source;
  std::error_code ec;
  if (!fs::exists(encoder, ec)) {
    source.config_name = config;
    MINNOW_ASSIGN_OR_RETURN(source.config, ReadSmallFile(config, kMaxConfigBytes));
    MINNOW_ASSIGN_OR_RETURN(source.tensors, OpenDiffusersTensors(directory, kVaePart));
    return source;
  }
  source.config = R"({"_class_name": "AutoencoderTiny"})";
  source.config_name = directory;
  auto renamed = std::make_shared<RenamedSource>();
  for (const std::string& path : {encoder, decoder}) {
    MINNOW_ASSIGN_OR_RETURN(Checkpoint opened, Checkpoint::OpenFile(path));
    renamed->AddAll(std::make_shared<const Checkpoint>(std::move(opened)),
                    path == encoder ? BareTaesdEncoderName : BareTaesdDecoderName);
  }
  source.tensors = std::move(renamed);
  return source;
}

std::string FindTinyVae(const std::string& model) {
  std::error_code ec;
  const fs::path path(model);
  const fs::path folder = (fs::is_directory(path, ec) ? path : path.parent_path()) / kTinyVaeFolder;
  return fs::is_directory(folder, ec) ? folder.string() : "";
}

}  // namespace minnow
