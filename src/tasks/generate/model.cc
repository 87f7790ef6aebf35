// SPDX-License-Identifier: Apache-2.0
// Loading the halves of a model that makes text.
#include "tasks/generate/model.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "formats/json.h"
#include "generation/options_json.h"
#include "tasks/text_model.h"
#include "tasks/text_to_text.h"

namespace minnow {
namespace {

// What transformers' configuration of T5 has where a file says nothing. The start is padding in all
// of the family.
GenerationOptions FamilyOptions(const T5Config& config) {
  GenerationOptions options;
  options.pad_token_id = config.pad_token_id;
  options.eos_token_id = {1};
  options.decoder_start_token_id = config.decoder_start_token_id.value_or(config.pad_token_id);
  return options;
}

Result<TextTasks> ReadTasks(const JsonView& config) {
  TextTasks tasks;
  const auto all = config.Find("task_specific_params");
  if (!all || all->is_null()) return tasks;
  MINNOW_RETURN_IF_ERROR(all->Object());
  for (size_t i = 0; i < all->size(); ++i) {
    const JsonView block = all->at(i);
    TextTask task;
    MINNOW_ASSIGN_OR_RETURN(task.options, ReadGenerationOptions(block));
    MINNOW_ASSIGN_OR_RETURN(const std::string_view prefix, block.GetString("prefix", ""));
    task.prefix = prefix;
    tasks.emplace(all->key(i), std::move(task));
  }
  return tasks;
}

// config.json, or another of a source's configurations.
Result<JsonDocument> ReadDocument(const ModelSource& source, std::string_view component) {
  MINNOW_ASSIGN_OR_RETURN(const std::string json, source.ReadConfigJson(component));
  return JsonDocument::Parse(json, source.components().find(component)->second.config);
}

}  // namespace

Result<std::unique_ptr<GenerateModel>> GenerateModel::Load(const ModelSource& source,
                                                           const EncoderPrecision& precision,
                                                           const T5Limits& limits) {
  if (source.packed() && source.kind() != ModelKind::kTextToText) {
    return Error{Code::kInvalidArgument, source.name() + ": packed for " +
                                             ModelKindName(source.kind()) + ", not " +
                                             ModelKindName(ModelKind::kTextToText)};
  }
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument config, ReadDocument(source, kTransformer));
  std::optional<JsonDocument> generation;
  if (source.components().contains(kGeneration)) {
    MINNOW_ASSIGN_OR_RETURN(generation, ReadDocument(source, kGeneration));
  }
  std::optional<JsonView> generation_root;
  if (generation) generation_root = generation->root();
  MINNOW_ASSIGN_OR_RETURN(const GenerationOptions options,
                          ReadModelOptions(generation_root, config.root()));
  MINNOW_ASSIGN_OR_RETURN(TextTasks tasks, ReadTasks(config.root()));
  MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<const Tokenizer> tokenizer, LoadTokenizer(source));
  MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<T5Model> model,
                          LoadTextToText(source, precision, limits, tokenizer.get()));
  return std::make_unique<GenerateModel>(std::move(tokenizer), std::move(model), options,
                                         std::move(tasks));
}

GenerateModel::GenerateModel(std::unique_ptr<const Tokenizer> tokenizer,
                             std::unique_ptr<T5Model> model, const GenerationOptions& options,
                             TextTasks tasks)
    : tokenizer_(std::move(tokenizer)),
      model_(std::move(model)),
      options_(Merge(options, FamilyOptions(model_->config()))),
      tasks_(std::move(tasks)) {}

size_t GenerateModel::max_rows() const {
  constexpr size_t kLeast = 16, kMost = 64, kMaxScores = size_t{1} << 21;
  return std::clamp(kMaxScores / model_->logits_stride(), kLeast, kMost);
}

Result<const TextTask*> GenerateModel::FindTask(std::string_view name) const {
  const auto found = tasks_.find(name);
  if (found != tasks_.end()) return &found->second;
  std::string message = "task: the model has none named " + QuoteForMessage(name);
  for (const auto& [known, task] : tasks_)
    message += (known == tasks_.begin()->first ? "; it has " : ", ") + known;
  return Error{Code::kInvalidArgument, message};
}

bool GenerateModel::IsSpecial(TokenId id) const {
  return id == options_.pad_token_id || id == options_.decoder_start_token_id ||
         std::ranges::count(*options_.eos_token_id, id) != 0;
}

std::string GenerateModel::Decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  if (tokenizer_ == nullptr) return {};
  std::vector<TokenId> kept;
  kept.reserve(ids.size());
  for (const TokenId id : ids) {
    if (!IsSpecial(id)) kept.push_back(id);
  }
  return tokenizer_->Decode(kept, skip_special_tokens);
}

}  // namespace minnow
