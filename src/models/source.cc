// SPDX-License-Identifier: Apache-2.0
// Tells directories, packed files and ONNX files from each other.
#include "models/source.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <utility>

#include "base/mapped_file.h"
#include "formats/bundle.h"
#include "formats/checkpoint.h"
#include "formats/onnx/onnx_file.h"
#include "models/builtin/language_detector.h"
#include "models/diffusion/folder.h"
#include "models/diffusion/part.h"
#include "models/hub_cache.h"
#include "models/onnx/onnx_source.h"
#include "models/registry.h"
#include "models/t5/config.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

struct KindRow {
  ModelKind kind;
  const char* name;
  std::string_view architecture;  // what its name ends with
};
// The first is what every other architecture is.
constexpr std::array kKinds = {
    KindRow{ModelKind::kEmbedding, "embedding", ""},
    KindRow{ModelKind::kClassification, "classification", "ForSequenceClassification"},
    KindRow{ModelKind::kTokenClassification, "token-classification", "ForTokenClassification"},
    KindRow{ModelKind::kQuestionAnswering, "question-answering", "ForQuestionAnswering"},
    KindRow{ModelKind::kTextToText, "text2text-generation", "ForConditionalGeneration"},
    // Of a file that says so, or a directory with model_index.json.
    KindRow{ModelKind::kTextToImage, "text-to-image", ""},
};

std::optional<ModelKind> KindNamed(std::string_view name) {
  for (const KindRow& row : kKinds) {
    if (name == row.name) return row.kind;
  }
  return std::nullopt;
}

constexpr const char* kHead = "head";
constexpr std::string_view kOnnxEnd = ".onnx";
constexpr const char* kConfig = "config.json";
constexpr const char* kGenerationConfig = "generation_config.json";
constexpr const char* kModules = "modules.json";

bool Exists(const fs::path& path) {
  std::error_code ec;
  return fs::exists(path, ec);
}

bool HasSafetensors(const fs::path& directory) {
  return Exists(directory / "model.safetensors") ||
         Exists(directory / "model.safetensors.index.json");
}

// The file of a directory whose weights are ONNX; empty where there is none, or safetensors.
std::string FindOnnx(const std::string& directory) {
  const fs::path root(directory);
  if (HasSafetensors(root)) return "";
  const std::array<fs::path, 2> folders = {root / "onnx", root};
  for (const char* file : {"model.onnx", "model_optimized.onnx", "model_quantized.onnx"}) {
    for (const fs::path& folder : folders) {
      if (Exists(folder / file)) return (folder / file).string();
    }
  }
  for (const fs::path& folder : folders) {
    std::set<std::string> others;
    std::error_code ec;
    for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
      const std::string name = it->path().filename().string();
      if (name.starts_with("model") && name.ends_with(kOnnxEnd)) others.insert(name);
    }
    if (!others.empty()) return (folder / *others.begin()).string();
  }
  return "";
}

}  // namespace

const char* ModelKindName(ModelKind kind) {
  for (const KindRow& row : kKinds) {
    if (kind == row.kind) return row.name;
  }
  return kKinds[0].name;
}

bool IsPerToken(ModelKind kind) {
  return kind == ModelKind::kTokenClassification || kind == ModelKind::kQuestionAnswering;
}

ModelKind KindOfArchitecture(std::string_view architecture) {
  for (const KindRow& row : kKinds) {
    if (!row.architecture.empty() && architecture.ends_with(row.architecture)) return row.kind;
  }
  return kKinds[0].kind;
}

Result<ModelSource> ModelSource::Open(const std::string& path) {
  if (path == kLanguageDetector) {
    MINNOW_ASSIGN_OR_RETURN(auto packed, OpenLanguageDetector());
    return FromPacked(std::move(packed));
  }
  std::error_code ec;
  const bool file = !path.empty() && fs::is_regular_file(path, ec);
  if (file && path.ends_with(kOnnxEnd)) return FromOnnx(path);
  if (file && IsPickleName(path)) return FromSingleFile(path);
  if (path.empty() || file) {
    auto packed = path.empty() ? OpenBundledModel() : PackedFile::Open(path);
    if (packed.ok()) return FromPacked(std::move(packed).value());
    const bool other = packed.error().code == Code::kUnsupported && path.ends_with(".safetensors");
    if (!other) return std::move(packed).error();
    return FromSingleFile(path);
  }
  if (IsDiffusersFolder(path)) return FromDiffusers(path);
  ModelSource source;
  source.name_ = path;
  source.directory_ = path;
  MINNOW_ASSIGN_OR_RETURN(source.layout_, ReadSentenceTransformersLayout(path));
  const std::string& directory = source.layout_.transformer_directory;
  source.components_.emplace(kTransformer, ModelComponent{directory, directory + "/config.json"});
  if (Exists(fs::path(directory) / kGenerationConfig)) {
    source.components_.emplace(kGeneration,
                               ModelComponent{directory, directory + "/" + kGenerationConfig});
  }
  source.onnx_ = FindOnnx(directory);
  if (source.onnx_.empty() && directory != path && !HasSafetensors(directory))
    source.onnx_ = FindOnnx(path);
  return source;
}

Result<ModelSource> ModelSource::FromOnnx(const std::string& path) {
  std::error_code ec;
  const fs::path folder = fs::absolute(path, ec).parent_path();
  const fs::path above = folder.parent_path();
  // A copy of config.json in "onnx" does not say how tokens are pooled; the folder above does.
  const bool described =
      !Exists(folder / kModules) && Exists(above / kModules) && Exists(above / kConfig);
  for (const fs::path& directory : {described ? above : folder, above}) {
    if (!Exists(directory / kConfig)) continue;
    MINNOW_ASSIGN_OR_RETURN(ModelSource source, Open(directory.string()));
    source.name_ = path;
    source.onnx_ = path;
    return source;
  }
  return Error{Code::kNotFound, path + ": no config.json beside it or in the folder above"};
}

Result<ModelSource> ModelSource::FromDiffusers(const std::string& path) {
  ModelSource source;
  source.name_ = path;
  source.directory_ = path;
  MINNOW_ASSIGN_OR_RETURN(source.components_, ReadDiffusersComponents(path));
  // Where the tokenizer of a model is looked for.
  const auto tokenizer = source.components_.find(kTokenizerPart);
  if (tokenizer != source.components_.end())
    source.layout_.transformer_directory = tokenizer->second.directory;
  return source;
}

Result<ModelSource> ModelSource::FromSingleFile(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(SingleFileModel model, OpenSingleFile(path));
  ModelSource source;
  source.name_ = path;
  source.directory_ = path;
  for (const auto& [component, json] : model.configs) {
    source.components_.emplace(
        component, ModelComponent{"", path + ": inferred configuration of " + component});
  }
  source.single_file_ = std::make_shared<const SingleFileModel>(std::move(model));
  return source;
}

Error ModelSource::NoComponent(std::string_view component) const {
  return Error{Code::kUnsupported, name() + ": a model of kind " + ModelKindName(kind()) +
                                       " has no component " + std::string(component)};
}

Result<ModelSource> ModelSource::FromPacked(std::shared_ptr<const PackedFile> packed) {
  const std::string& name = packed->header().kind;
  const std::optional<ModelKind> kind = KindNamed(name);
  if (!kind)
    return Error{Code::kUnsupported, packed->path() + ": models of kind " + QuoteForMessage(name)};
  ModelSource source;
  source.packed_ = std::move(packed);
  const auto& configs = source.packed_->header().configs;
  const auto where = [&](std::string_view component) {
    return source.name() + ": configuration of " + std::string(component);
  };
  for (const auto& [component, json] : configs)
    source.components_.emplace(component, ModelComponent{"", where(component)});
  if (*kind == ModelKind::kTextToImage) {
    for (const std::string_view component :
         {kTextEncoderPart, kUNetPart, kVaePart, kSchedulerPart}) {
      if (!configs.contains(component))
        return Error{Code::kCorrupt, where(component) + " is missing"};
    }
    return source;
  }
  const bool headless = *kind == ModelKind::kTextToText;
  for (const std::string_view component : {kTransformer, std::string_view(kHead)}) {
    if (!configs.contains(component) && !(headless && component == kHead))
      return Error{Code::kCorrupt, where(component) + " is missing"};
  }
  if (headless) return source;
  MINNOW_ASSIGN_OR_RETURN(source.layout_, ParseHeadJson(configs.at(kHead), where(kHead)));
  if (source.layout_.per_token() != IsPerToken(*kind)) {
    return Error{Code::kCorrupt, where(kHead) + ": pooling: not that of a model of kind " + name};
  }
  return source;
}

std::string ModelSource::model_id() const {
  if (packed_) return packed_->header().model_id;
  return ModelNameOf(directory_);
}

Result<std::string> ModelSource::ReadConfigJson(std::string_view component) const {
  const auto found = components_.find(component);
  if (found == components_.end()) return NoComponent(component);
  if (packed_) return packed_->header().configs.find(component)->second;
  if (single_file_) return single_file_->configs.find(component)->second;
  return ReadSmallFile(found->second.config, kMaxConfigBytes);
}

Result<std::shared_ptr<const TensorSource>> ModelSource::OpenTensors(
    std::string_view component) const {
  const auto found = components_.find(component);
  if (found == components_.end()) return NoComponent(component);
  if (packed_) return std::shared_ptr<const TensorSource>(packed_);
  if (single_file_) {
    const auto tensors = single_file_->tensors.find(component);
    if (tensors == single_file_->tensors.end()) return NoComponent(component);
    return tensors->second;
  }
  if (!onnx_.empty()) {
    MINNOW_ASSIGN_OR_RETURN(const EncoderConfig config, ReadConfig());
    if (IsT5(config.model_type)) {
      return Error{Code::kUnsupported,
                   onnx_ + ": models of T5's family are read from safetensors, not from ONNX"};
    }
    MINNOW_ASSIGN_OR_RETURN(auto file, OnnxFile::Open(onnx_));
    MINNOW_ASSIGN_OR_RETURN(auto source,
                            OnnxSource::Make(std::move(file), config, FamilyOf(config.model_type)));
    return std::shared_ptr<const TensorSource>(std::move(source));
  }
  if (component != kTransformer) return OpenDiffusersTensors(found->second.directory, component);
  MINNOW_ASSIGN_OR_RETURN(Checkpoint checkpoint,
                          Checkpoint::OpenDirectory(found->second.directory));
  return std::shared_ptr<const TensorSource>(std::make_shared<Checkpoint>(std::move(checkpoint)));
}

Result<EncoderConfig> ModelSource::ReadConfig() const {
  MINNOW_ASSIGN_OR_RETURN(const std::string json, ReadConfigJson(kTransformer));
  return ParseEncoderConfig(json, components_.find(kTransformer)->second.config);
}

ModelKind ModelSource::kind() const {
  if (packed_) return KindNamed(packed_->header().kind).value_or(ModelKind::kEmbedding);
  if (components_.contains(kUNetPart)) return ModelKind::kTextToImage;
  if (!layout_.assumed) return ModelKind::kEmbedding;
  if (MakesText()) return ModelKind::kTextToText;
  const auto config = ReadConfig();
  return config.ok() ? KindOfArchitecture(config->architecture) : ModelKind::kEmbedding;
}

bool ModelSource::MakesText() const {
  const auto json = ReadConfigJson(kTransformer);
  return json.ok() && IsT5TextToText(*json);
}

int MaxSequenceTokens(const EncoderConfig& config, const SentenceTransformersLayout& layout) {
  return std::min(config.max_sequence_tokens(),
                  layout.max_seq_length.value_or(config.max_sequence_tokens()));
}

}  // namespace minnow
