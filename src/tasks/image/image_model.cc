// SPDX-License-Identifier: Apache-2.0
#include "tasks/image/image_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/cpu.h"
#include "formats/json.h"
#include "tasks/text_model.h"

namespace minnow {
namespace {

Result<std::unique_ptr<const Tokenizer>> FindTokenizer(const ModelSource& source) {
  MINNOW_ASSIGN_OR_RETURN(auto tokenizer, LoadTokenizer(source));
  if (tokenizer != nullptr) return tokenizer;
  if (source.packed()) return Error{Code::kNotFound, source.name() + ": no tokenizer in it"};
  const auto beside = std::filesystem::path(source.name()).parent_path() / kTokenizerPart;
  auto loaded = Tokenizer::LoadDirectory(beside.string());
  if (!loaded.ok()) return Annotate(std::move(loaded).error(), source.name() + ": no tokenizer");
  return loaded;
}

// "pad_token": "!" or {"content": "!", ...}
Result<std::string> PadToken(const ModelSource& source) {
  if (!source.components().contains(kTokenizerPart)) return std::string();
  const auto text = source.ReadConfigJson(kTokenizerPart);
  if (!text.ok()) {
    if (text.error().code == Code::kNotFound) return std::string();
    return text.error();
  }
  MINNOW_ASSIGN_OR_RETURN(
      const JsonDocument document,
      JsonDocument::Parse(*text, source.components().find(kTokenizerPart)->second.config));
  auto token = document.root().Find("pad_token");
  if (token && token->is_object()) token = token->Find("content");
  if (!token || token->is_null()) return std::string();
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, token->String());
  return std::string(name);
}

}  // namespace

Result<std::unique_ptr<ImageModel>> ImageModel::Load(const ModelSource& source,
                                                     const ImageModelOptions& options) {
  if (source.kind() != ModelKind::kTextToImage) {
    return Error{Code::kUnsupported, source.name() + ": a model of kind " +
                                         ModelKindName(source.kind()) + " makes no pictures"};
  }
  auto model = std::make_unique<ImageModel>();
  model->model_id_ = source.model_id();
  MINNOW_ASSIGN_OR_RETURN(model->tokenizer_, FindTokenizer(source));
  MINNOW_ASSIGN_OR_RETURN(
      model->parts_, DiffusionModel::Load(source, {.dtype = options.dtype,
                                                   .tiny_vae = options.tiny_vae,
                                                   .embedding = std::nullopt,
                                                   .loras = options.loras,
                                                   .winograd = options.winograd,
                                                   .memory_limit_bytes = options.memory_limit_bytes,
                                                   .previews = options.previews}));
  model->memory_limit_bytes_ =
      options.memory_limit_bytes != 0 ? options.memory_limit_bytes : ReadUsableMemory("");
  MINNOW_RETURN_IF_ERROR(model->FindPadding(source));
  MINNOW_RETURN_IF_ERROR(model->Scheduler(""));
  return model;
}

bool ImageModel::passes_limit(size_t bytes) const {
  return memory_limit_bytes_ != 0 && parts_->weight_bytes() + bytes > memory_limit_bytes_;
}

// SD 1 fills up with the token that ends a prompt, SD 2 with another.
Status ImageModel::FindPadding(const ModelSource& source) {
  const Encoding none = tokenizer_->Encode("", {});
  if (none.ids.empty()) {
    return Error{Code::kUnsupported,
                 source.name() + ": a tokenizer that puts no token at the end of a text"};
  }
  padding_ = none.ids.back();
  MINNOW_ASSIGN_OR_RETURN(const std::string name, PadToken(source));
  if (const auto id = tokenizer_->TokenToId(name); !name.empty() && id) padding_ = *id;
  MINNOW_RETURN_IF_ERROR(Tokenize(""));
  return {};
}

Result<PromptIds> ImageModel::Tokenize(std::string_view prompt) const {
  const ClipTextConfig& config = parts_->text_encoder().config();
  EncodeOptions options;
  options.max_tokens = config.positions;
  Encoding encoding = tokenizer_->Encode(prompt, options);
  PromptIds result;
  result.dropped_tokens =
      encoding.untruncated_tokens - std::min(encoding.untruncated_tokens, encoding.ids.size());
  result.ids = std::move(encoding.ids);
  result.ids.resize(config.positions, padding_);
  for (const int32_t id : result.ids) {
    if (id >= 0 && static_cast<size_t>(id) < config.vocab_size) continue;
    return Error{Code::kUnsupported, model_id_ + ": the tokenizer gives token id " +
                                         std::to_string(id) + ", the text encoder has " +
                                         std::to_string(config.vocab_size)};
  }
  return result;
}

Result<SchedulerConfig> ImageModel::Scheduler(std::string_view name) const {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          ParseSchedulerFile(parts_->scheduler_config(), "scheduler_config.json"));
  if (name.empty()) {
    MINNOW_ASSIGN_OR_RETURN(SchedulerConfig own, ReadSchedulerConfig(document.root()));
    return ForStableDiffusion(std::move(own));
  }
  MINNOW_ASSIGN_OR_RETURN(const SchedulerChoice choice, SchedulerByName(name));
  MINNOW_ASSIGN_OR_RETURN(SchedulerConfig config, ReadSchedulerConfig(document.root(), choice));
  return ForStableDiffusion(std::move(config));
}

}  // namespace minnow
