// SPDX-License-Identifier: Apache-2.0
// Reads modules.json and the config files of the modules that it names.
#include "models/heads/sentence_transformers.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "formats/json.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = size_t{4} << 20;
constexpr size_t kMaxModules = 64;
constexpr size_t kMaxPrompts = 1024;
constexpr int64_t kMaxDenseFeatures = 1 << 16;
constexpr int64_t kMaxTokens = 1 << 20;
// Tokenizers without a limit of their own carry 10^30.
constexpr double kNoTokenizerLimit = 1e9;

struct PoolingRow {
  Pooling pooling;
  const char* name;
  std::string_view mode;  // value of pooling_mode
  std::string_view flag;  // older boolean field
};

// In the order in which sentence-transformers concatenates what the older flags name.
constexpr std::array<PoolingRow, 5> kPoolingRows = {{
    {Pooling::kCls, "cls", "cls", "pooling_mode_cls_token"},
    {Pooling::kMax, "max", "max", "pooling_mode_max_tokens"},
    {Pooling::kMean, "mean", "mean", "pooling_mode_mean_tokens"},
    {Pooling::kMeanSqrtLen, "mean_sqrt_len", "mean_sqrt_len_tokens",
     "pooling_mode_mean_sqrt_len_tokens"},
    {Pooling::kLastToken, "last_token", "lasttoken", "pooling_mode_lasttoken"},
}};
constexpr const char* kWeightedMeanFlag = "pooling_mode_weightedmean_tokens";

struct DenseActivationRow {
  DenseActivation activation;
  const char* name;
  std::string_view torch_class;
};

constexpr std::array<DenseActivationRow, 5> kDenseActivationRows = {{
    {DenseActivation::kIdentity, "identity", "Identity"},
    {DenseActivation::kTanh, "tanh", "Tanh"},
    {DenseActivation::kRelu, "relu", "ReLU"},
    {DenseActivation::kGelu, "gelu", "GELU"},
    {DenseActivation::kSigmoid, "sigmoid", "Sigmoid"},
}};

// Where sentence-transformers looks for a Transformer's own config, in its order.
constexpr std::array<const char*, 7> kTransformerConfigs = {
    "sentence_bert_config.json",       "sentence_roberta_config.json",
    "sentence_distilbert_config.json", "sentence_camembert_config.json",
    "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json"};

struct Module {
  std::string type;       // the class name alone: "Pooling"
  std::string directory;  // in the file system
};

std::string Join(const std::string& directory, std::string_view file) {
  return (fs::path(directory) / file).string();
}

bool FileExists(const std::string& path) {
  std::error_code ec;
  return fs::symlink_status(path, ec).type() != fs::file_type::not_found && !ec;
}

Result<JsonDocument> ReadJson(const std::string& path) {
  JsonLimits limits;
  limits.max_bytes = kMaxFileBytes;
  MINNOW_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::ReadFile(path, limits));
  if (!document.root().is_object() && !document.root().is_array()) {
    return document.root().Expected("an object");
  }
  return document;
}

std::string_view LastComponent(std::string_view dotted) {
  const size_t dot = dotted.rfind('.');
  return dot == std::string_view::npos ? dotted : dotted.substr(dot + 1);
}

// A relative path without "..", so that nothing outside the model's directory is read.
bool StaysInside(std::string_view path) {
  if (path.find_first_of(std::string_view("\\\0", 2)) != std::string_view::npos) return false;
  const fs::path parsed(path);
  if (parsed.is_absolute()) return false;
  for (const fs::path& component : parsed) {
    if (component == "..") return false;
  }
  return true;
}

Result<std::vector<Module>> ReadModules(const std::string& directory) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ReadJson(Join(directory, "modules.json")));
  MINNOW_ASSIGN_OR_RETURN(const JsonView list, document.root().Array());
  if (list.size() > kMaxModules) {
    return list.Wrong(std::to_string(list.size()) + " modules, limit " +
                      std::to_string(kMaxModules));
  }
  std::vector<Module> modules;
  for (const JsonView item : list.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view type, item.GetString("type"));
    MINNOW_ASSIGN_OR_RETURN(const std::string_view path, item.GetString("path"));
    if (!StaysInside(path)) {
      return item.Find("path")->Wrong(QuoteForMessage(path) + " leaves the model's directory");
    }
    // Classes moved between packages over time; their names stayed.
    const bool known_package = type.starts_with("sentence_transformers.");
    if (!known_package) {
      return item.Find("type")->Wrong(Code::kUnsupported,
                                      "module type " + QuoteForMessage(type) + " is not supported");
    }
    modules.push_back(
        {std::string(LastComponent(type)), path.empty() ? directory : Join(directory, path)});
  }
  if (modules.empty()) return list.Wrong("names no module");
  return modules;
}

// --- Transformer
// ------------------------------------------------------------------------------------------------

// sentence-transformers lets a limit given to the tokenizer win over max_seq_length.
Result<std::optional<int64_t>> ReadLimit(const JsonView& root) {
  for (const char* name : {"processor_kwargs", "tokenizer_args"}) {
    const auto arguments = root.Find(name);
    if (!arguments || !arguments->Find("model_max_length")) continue;
    MINNOW_ASSIGN_OR_RETURN(const int64_t limit,
                            arguments->GetInt("model_max_length", 1, kMaxTokens));
    return std::optional<int64_t>(limit);
  }
  const auto field = root.Find("max_seq_length");
  if (!field || field->is_null()) return std::optional<int64_t>();
  MINNOW_ASSIGN_OR_RETURN(const int64_t limit, field->Int(1, kMaxTokens));
  return std::optional<int64_t>(limit);
}

Status ReadTransformerConfig(SentenceTransformersLayout& layout) {
  for (const char* file : kTransformerConfigs) {
    const std::string path = Join(layout.transformer_directory, file);
    if (!FileExists(path)) continue;
    MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ReadJson(path));
    MINNOW_ASSIGN_OR_RETURN(const JsonView root, document.root().Object());
    MINNOW_ASSIGN_OR_RETURN(const auto limit, ReadLimit(root));
    if (limit) {
      layout.max_seq_length = static_cast<int>(*limit);
      layout.max_seq_length_source = file;
    }
    if (const auto lower = root.Find("do_lower_case"); lower && !lower->is_null()) {
      MINNOW_ASSIGN_OR_RETURN(const bool value, lower->Bool());
      layout.do_lower_case = value;
    }
    return {};
  }
  return {};
}

Status ReadTokenizerLimit(SentenceTransformersLayout& layout) {
  constexpr const char* kFile = "tokenizer_config.json";
  const std::string path = Join(layout.transformer_directory, kFile);
  if (layout.max_seq_length || !FileExists(path)) return {};
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ReadJson(path));
  const auto field = document.root().Find("model_max_length");
  if (!field || field->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(const double limit, field->Number());
  if (limit > kNoTokenizerLimit) return {};
  MINNOW_ASSIGN_OR_RETURN(const int64_t tokens,
                          field->Int(1, static_cast<int64_t>(kNoTokenizerLimit)));
  layout.max_seq_length = static_cast<int>(std::min(tokens, kMaxTokens));
  layout.max_seq_length_source = kFile;
  return {};
}

// --- Pooling
// ----------------------------------------------------------------------------------------------------

Result<Pooling> ReadPoolingMode(const JsonView& mode) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, mode.String());
  for (const PoolingRow& row : kPoolingRows) {
    if (row.mode == text) return row.pooling;
  }
  return mode.Wrong(Code::kUnsupported,
                    "pooling mode " + QuoteForMessage(text) +
                        " is not supported (known: cls, max, mean, mean_sqrt_len_tokens, "
                        "lasttoken)");
}

Result<std::vector<Pooling>> ReadPoolingFlags(const JsonView& root) {
  std::vector<Pooling> poolings;
  for (const PoolingRow& row : kPoolingRows) {
    MINNOW_ASSIGN_OR_RETURN(const bool set, root.GetBool(row.flag, false));
    if (set) poolings.push_back(row.pooling);
  }
  MINNOW_ASSIGN_OR_RETURN(const bool weighted, root.GetBool(kWeightedMeanFlag, false));
  if (weighted)
    return root.Find(kWeightedMeanFlag)
        ->Wrong(Code::kUnsupported, "weighted mean is not supported");
  if (poolings.empty()) poolings.push_back(Pooling::kMean);
  return poolings;
}

Result<std::vector<Pooling>> ReadPooling(const std::string& directory, PromptSet& prompts) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ReadJson(Join(directory, "config.json")));
  MINNOW_ASSIGN_OR_RETURN(const JsonView root, document.root().Object());
  MINNOW_ASSIGN_OR_RETURN(prompts.pooled, root.GetBool("include_prompt", true));
  const auto modes = root.Find("pooling_mode");
  if (!modes || modes->is_null()) return ReadPoolingFlags(root);
  std::vector<Pooling> poolings;
  if (!modes->is_array()) {
    MINNOW_ASSIGN_OR_RETURN(const Pooling pooling, ReadPoolingMode(*modes));
    return std::vector<Pooling>{pooling};
  }
  for (const JsonView mode : modes->Items()) {
    MINNOW_ASSIGN_OR_RETURN(const Pooling pooling, ReadPoolingMode(mode));
    for (const Pooling earlier : poolings) {
      if (earlier == pooling) return mode.Wrong(Code::kUnsupported, "the same pooling mode twice");
    }
    poolings.push_back(pooling);
  }
  if (poolings.empty()) return modes->Expected("at least one pooling mode");
  return poolings;
}

// --- Dense and Normalize
// ----------------------------------------------------------------------------------------

// Newer modules may read and write other features than the pooled vector.
Status RequireSentenceEmbedding(const JsonView& root) {
  for (const char* name : {"module_input_name", "module_output_name"}) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view feature,
                            root.GetString(name, "sentence_embedding"));
    if (feature != "sentence_embedding") {
      return root.Find(name)->Wrong(
          Code::kUnsupported,
          QuoteForMessage(feature) + " is not supported (known: sentence_embedding)");
    }
  }
  return {};
}

Result<DenseActivation> ReadDenseActivation(const JsonView& root) {
  const auto field = root.Find("activation_function");
  if (!field) return DenseActivation::kTanh;
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, field->String());
  if (name.starts_with("torch.nn.")) {
    for (const DenseActivationRow& row : kDenseActivationRows) {
      if (row.torch_class == LastComponent(name)) return row.activation;
    }
  }
  return field->Wrong(Code::kUnsupported,
                      "activation " + QuoteForMessage(name) +
                          " is not supported (known: Identity, Tanh, ReLU, GELU, Sigmoid of "
                          "torch.nn)");
}

Result<DenseSpec> ReadDense(const std::string& directory) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ReadJson(Join(directory, "config.json")));
  MINNOW_ASSIGN_OR_RETURN(const JsonView root, document.root().Object());
  DenseSpec spec;
  spec.directory = directory;
  MINNOW_ASSIGN_OR_RETURN(const int64_t in, root.GetInt("in_features", 1, kMaxDenseFeatures));
  MINNOW_ASSIGN_OR_RETURN(const int64_t out, root.GetInt("out_features", 1, kMaxDenseFeatures));
  spec.in_features = static_cast<int>(in);
  spec.out_features = static_cast<int>(out);
  MINNOW_ASSIGN_OR_RETURN(spec.bias, root.GetBool("bias", true));
  MINNOW_ASSIGN_OR_RETURN(spec.activation, ReadDenseActivation(root));
  MINNOW_RETURN_IF_ERROR(RequireSentenceEmbedding(root));
  MINNOW_ASSIGN_OR_RETURN(const bool residual, root.GetBool("use_residual", false));
  if (residual)
    return root.Find("use_residual")->Wrong(Code::kUnsupported, "true is not supported");
  return spec;
}

Status CheckNormalize(const std::string& directory) {
  const std::string path = Join(directory, "config.json");
  if (!FileExists(path)) return {};  // older versions wrote none
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ReadJson(path));
  return RequireSentenceEmbedding(document.root());
}

// --- the whole
// --------------------------------------------------------------------------------------------------

Status ReadPrompts(const std::string& directory, PromptSet& prompts) {
  const std::string path = Join(directory, "config_sentence_transformers.json");
  if (!FileExists(path)) return {};
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, ReadJson(path));
  const JsonView root = document.root();
  if (const auto named = root.Find("prompts"); named && !named->is_null()) {
    MINNOW_RETURN_IF_ERROR(named->Object());
    if (named->size() > kMaxPrompts) {
      return named->Wrong(std::to_string(named->size()) + " prompts, limit " +
                          std::to_string(kMaxPrompts));
    }
    for (size_t i = 0; i < named->size(); ++i) {
      const JsonView value = named->at(i);
      if (value.is_null()) continue;
      MINNOW_ASSIGN_OR_RETURN(const std::string_view text, value.String());
      prompts.named.emplace_back(named->key(i), text);
    }
  }
  MINNOW_ASSIGN_OR_RETURN(prompts.default_name, root.GetString("default_prompt_name", ""));
  if (prompts.Find(prompts.default_name) != nullptr) return {};
  if (prompts.default_name == "query" || prompts.default_name == "document") {
    prompts.default_name.clear();  // every model has these, empty where it gives none
  }
  if (!prompts.default_name.empty()) {
    return root.Find("default_prompt_name")
        ->Wrong(QuoteForMessage(prompts.default_name) + " is not in prompts");
  }
  return {};
}

Error WrongOrder(const std::string& directory, const std::string& type) {
  return Error{Code::kUnsupported,
               Join(directory, "modules.json") + ": module " + QuoteForMessage(type) +
                   " is not supported at this place (supported: Transformer, Pooling, then "
                   "any Dense, then Normalize)"};
}

Status AddModule(const std::string& directory, const Module& module,
                 SentenceTransformersLayout& layout) {
  const bool pooled = !layout.pooling.empty();
  if (module.type == "Dropout") return {};  // does nothing at inference
  if (module.type == "Pooling") {
    if (pooled) return WrongOrder(directory, module.type);
    MINNOW_ASSIGN_OR_RETURN(layout.pooling, ReadPooling(module.directory, layout.prompts));
    return {};
  }
  if (module.type == "Dense") {
    if (!pooled || layout.normalize) return WrongOrder(directory, module.type);
    MINNOW_ASSIGN_OR_RETURN(DenseSpec spec, ReadDense(module.directory));
    layout.dense.push_back(std::move(spec));
    return {};
  }
  if (module.type == "Normalize") {
    if (!pooled) return WrongOrder(directory, module.type);
    MINNOW_RETURN_IF_ERROR(CheckNormalize(module.directory));
    layout.normalize = true;
    return {};
  }
  if (module.type == "Transformer") return WrongOrder(directory, module.type);
  return Error{Code::kUnsupported,
               Join(directory, "modules.json") + ": module type " + QuoteForMessage(module.type) +
                   " is not supported (known: Transformer, Pooling, Dense, Normalize, Dropout)"};
}

}  // namespace

const std::string* PromptSet::Find(std::string_view name) const {
  for (const auto& [known, text] : named) {
    if (known == name) return &text;
  }
  return nullptr;
}

const std::string* PromptSet::document() const {
  for (const char* name : {"document", "passage", "corpus"}) {
    if (const std::string* text = Find(name)) return text;
  }
  return nullptr;
}

const char* PoolingName(Pooling pooling) {
  if (pooling == Pooling::kNone) return "none";
  for (const PoolingRow& row : kPoolingRows) {
    if (row.pooling == pooling) return row.name;
  }
  return "mean";
}

const char* DenseActivationName(DenseActivation activation) {
  for (const DenseActivationRow& row : kDenseActivationRows) {
    if (row.activation == activation) return row.name;
  }
  return "identity";
}

Result<SentenceTransformersLayout> ReadSentenceTransformersLayout(const std::string& directory) {
  std::error_code ec;
  if (!fs::is_directory(directory, ec))
    return Error{Code::kNotFound, directory + ": no such directory"};
  SentenceTransformersLayout layout;
  if (!FileExists(Join(directory, "modules.json"))) {
    layout.transformer_directory = directory;
    layout.pooling = {Pooling::kMean};
    layout.assumed = true;
    MINNOW_RETURN_IF_ERROR(ReadTokenizerLimit(layout));
    return layout;
  }
  MINNOW_ASSIGN_OR_RETURN(const std::vector<Module> modules, ReadModules(directory));
  if (modules.front().type != "Transformer") return WrongOrder(directory, modules.front().type);
  layout.transformer_directory = modules.front().directory;
  MINNOW_RETURN_IF_ERROR(ReadTransformerConfig(layout));
  MINNOW_RETURN_IF_ERROR(ReadTokenizerLimit(layout));
  for (size_t i = 1; i < modules.size(); ++i) {
    MINNOW_RETURN_IF_ERROR(AddModule(directory, modules[i], layout));
  }
  if (layout.pooling.empty()) {
    return Error{Code::kUnsupported, Join(directory, "modules.json") + ": no Pooling module"};
  }
  MINNOW_RETURN_IF_ERROR(ReadPrompts(directory, layout.prompts));
  return layout;
}

}  // namespace minnow
