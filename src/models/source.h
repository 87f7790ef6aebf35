// SPDX-License-Identifier: Apache-2.0
// ModelSource: where a model comes from (a directory, a packed file, an ONNX file, a single-file
// checkpoint, or the program itself), as components, each with a configuration and tensors of its
// own.
//
// A model has one component with tensors, "transformer"; one that makes images has "text_encoder",
// "unet" and "vae" (models/diffusion/part.h). Configurations and tensors are read when they are
// asked for: a tokenizer needs neither. Const after opening; may be used from any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/packed.h"
#include "models/bert/config.h"
#include "models/diffusion/single_file.h"
#include "models/heads/sentence_transformers.h"

namespace minnow {

inline constexpr std::string_view kTransformer = "transformer";
// generation_config.json: of models that make text, where they have it.
inline constexpr std::string_view kGeneration = "generation";

// What a model is made for. A directory of another kind can still embed.
enum class ModelKind {
  kEmbedding,
  kClassification,
  kTokenClassification,
  kQuestionAnswering,
  kTextToText,
  kTextToImage
};

// "embedding", "classification", "token-classification", "question-answering",
// "text2text-generation", "text-to-image"
const char* ModelKindName(ModelKind kind);
// Whether the head of such a model gives something for each token.
bool IsPerToken(ModelKind kind);
// By the first of a config.json's architectures: NAMEForSequenceClassification, ...
ModelKind KindOfArchitecture(std::string_view architecture);

struct ModelComponent {
  std::string directory;  // of its weights, tokenizer and other files; empty in a packed file
  std::string config;     // what messages call its configuration: the path of a config.json
};

class ModelSource {
 public:
  // `path`: a directory, a packed file, a file NAME.onnx whose config.json lies beside it or in the
  // folder above, empty for the model that was bundled with the running program
  // (formats/bundle.h), or kLanguageDetector (models/builtin/language_detector.h). A directory
  // without safetensors has its weights in onnx/model*.onnx or model*.onnx: the plain export where
  // there is one, else an optimised one, else a quantised one. A directory with model_index.json is
  // one of diffusers; a file .safetensors that is not packed is a single-file checkpoint. Fails
  // with kNotFound, kCorrupt or kUnsupported; kInvalidArgument where `path` is empty and the
  // program has no model.
  static Result<ModelSource> Open(const std::string& path);
  static Result<ModelSource> FromPacked(std::shared_ptr<const PackedFile> packed);

  // The packed file, or null for a directory.
  const std::shared_ptr<const PackedFile>& packed() const { return packed_; }
  // The ONNX file that holds the weights; empty where they are in safetensors or packed.
  const std::string& onnx() const { return onnx_; }
  // For messages: the path of the directory or file.
  const std::string& name() const { return packed_ ? packed_->path() : name_; }
  // The directory's name (models/hub_cache.h), or what the packed file says.
  std::string model_id() const;
  // What comes after the transformer; in a packed classifier, its head.
  const SentenceTransformersLayout& layout() const { return layout_; }

  const std::map<std::string, ModelComponent, std::less<>>& components() const {
    return components_;
  }
  // JSON text of a component's configuration. kUnsupported where there is no such component.
  Result<std::string> ReadConfigJson(std::string_view component) const;
  // A component's tensors; they outlive the source. Fails as above too. Of an ONNX file, those that
  // its graph was understood to hold (models/onnx/onnx_source.h); of a component of a model that
  // makes images, under the names of diffusers (models/diffusion/names.h).
  Result<std::shared_ptr<const TensorSource>> OpenTensors(std::string_view component) const;

  // The configuration of the transformer, as its family reads it.
  Result<EncoderConfig> ReadConfig() const;
  // By config.json's architectures; what cannot be read embeds, and loading tells what is wrong.
  ModelKind kind() const;

 private:
  static Result<ModelSource> FromOnnx(const std::string& path);
  static Result<ModelSource> FromDiffusers(const std::string& path);
  static Result<ModelSource> FromSingleFile(const std::string& path);
  Error NoComponent(std::string_view component) const;
  bool MakesText() const;

  std::string name_;       // as it was asked for
  std::string directory_;  // of the model
  std::string onnx_;
  std::shared_ptr<const PackedFile> packed_;
  std::shared_ptr<const SingleFileModel> single_file_;
  SentenceTransformersLayout layout_;
  std::map<std::string, ModelComponent, std::less<>> components_;
};

// Longest text in tokens, special tokens included: what the position table and the layout allow.
int MaxSequenceTokens(const EncoderConfig& config, const SentenceTransformersLayout& layout);

}  // namespace minnow
