// SPDX-License-Identifier: Apache-2.0
#include "serving/model_registry.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "formats/json.h"
#include "tasks/zero_shot.h"

namespace minnow {
namespace {

bool HasName(const ModelFacts& facts, std::string_view name) {
  return name == facts.model_id ||
         std::find(facts.aliases.begin(), facts.aliases.end(), name) != facts.aliases.end();
}

// Served from a directory, a model has lost the organisation's name that clients know it by.
bool EndsWithName(const ModelFacts& facts, std::string_view name) {
  return !facts.named && name.ends_with("/" + facts.model_id);
}

Error Unknown(std::string_view name, const std::vector<ModelLease>& models) {
  std::string message = "model: " + QuoteForMessage(name) + " is not served here, only ";
  const char* separator = "";
  const auto add = [&](const std::string& known) {
    message += separator + QuoteForMessage(known);
    separator = ", ";
  };
  for (const ModelLease& model : models) {
    add(model->facts().model_id);
    for (const std::string& alias : model->facts().aliases) add(alias);
  }
  return {Code::kNotFound, models.empty() ? "model: none is loaded" : std::move(message)};
}

bool IsReranker(const ModelFacts& facts) {
  return facts.task == TaskKind::kClassify && facts.labels.size() == 1;
}

bool Does(const ModelLease& model, std::optional<TaskKind> kind) {
  const ModelFacts& facts = model->facts();
  if (kind == TaskKind::kRerank) return IsReranker(facts);
  if (kind == TaskKind::kFillMask) return facts.fills_masks;
  if (kind == TaskKind::kZeroShot)
    return facts.task == TaskKind::kClassify && FindEntailment(facts.labels).has_value();
  return !kind.has_value() || facts.task == *kind;
}

// "embed, fill masks"
std::string AllThatItDoes(const ModelLease& model) {
  std::string all;
  for (const TaskKind kind : {TaskKind::kEmbed, TaskKind::kClassify, TaskKind::kRerank,
                              TaskKind::kTokenClassify, TaskKind::kAnswer, TaskKind::kFillMask,
                              TaskKind::kZeroShot, TaskKind::kGenerate, TaskKind::kImage}) {
    if (Does(model, kind)) all += (all.empty() ? "" : ", ") + std::string(TaskName(kind));
  }
  return all;
}

Result<ModelLease> IfDoes(const ModelLease& model, std::optional<TaskKind> kind) {
  if (Does(model, kind)) return model;
  return Error{Code::kUnsupported, "model " + QuoteForMessage(model->facts().model_id) +
                                       ": cannot " + TaskName(*kind) + ", only " +
                                       AllThatItDoes(model)};
}

}  // namespace

Result<std::unique_ptr<ModelRegistry>> ModelRegistry::Start() {
  MINNOW_ASSIGN_OR_RETURN(
      std::unique_ptr<WorkLane> lane,
      WorkLane::Start({.threads = 1, .max_waiting = std::numeric_limits<size_t>::max()}));
  return std::unique_ptr<ModelRegistry>(new ModelRegistry(std::move(lane)));
}

ModelRegistry::~ModelRegistry() { Stop(); }

ModelLease ModelRegistry::Own(std::unique_ptr<LoadedModel> model) {
  return ModelLease(model.release(), [lane = undertaker_](LoadedModel* last) {
    std::shared_ptr<LoadedModel> dead(last);
    // A lane that has stopped drops the work here: the model's threads have ended by then.
    (void)lane->Submit([dead = std::move(dead)] {});
  });
}

const ModelLease* ModelRegistry::FindName(std::string_view name) const {
  for (const ModelLease& model : models_) {
    if (HasName(model->facts(), name)) return &model;
  }
  for (const ModelLease& model : models_) {
    if (EndsWithName(model->facts(), name)) return &model;
  }
  return nullptr;
}

Status ModelRegistry::CheckNames(const ModelFacts& facts, const LoadedModel* but) const {
  std::vector<std::string> names = facts.aliases;
  names.push_back(facts.model_id);
  for (const ModelLease& other : models_) {
    if (other.get() == but) continue;
    for (const std::string& name : names) {
      if (!HasName(other->facts(), name)) continue;
      return Error{Code::kInvalidArgument, "two models are named " + QuoteForMessage(name) +
                                               ": name them with --model NAME=PATH"};
    }
  }
  return {};
}

Status ModelRegistry::Add(std::unique_ptr<LoadedModel> model) {
  const std::lock_guard lock(mutex_);
  MINNOW_RETURN_IF_ERROR(CheckNames(model->facts(), nullptr));
  models_.push_back(Own(std::move(model)));
  all_.push_back(models_.back());
  return {};
}

Status ModelRegistry::Replace(std::unique_ptr<LoadedModel> model) {
  const std::lock_guard lock(mutex_);
  for (ModelLease& old : models_) {
    if (old->facts().model_id != model->facts().model_id) continue;
    MINNOW_RETURN_IF_ERROR(CheckNames(model->facts(), old.get()));
    old = Own(std::move(model));
    std::erase_if(all_, [](const auto& gone) { return gone.expired(); });
    all_.push_back(old);
    return {};
  }
  return Unknown(model->facts().model_id, models_);
}

Status ModelRegistry::Remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const size_t removed = std::erase_if(
      models_, [name](const ModelLease& model) { return model->facts().model_id == name; });
  if (removed == 0) return Unknown(name, models_);
  return {};
}

Result<ModelLease> ModelRegistry::Find(std::string_view name, std::optional<TaskKind> kind) const {
  const std::lock_guard lock(mutex_);
  if (!name.empty()) {
    const ModelLease* found = FindName(name);
    const bool any = models_.size() == 1 && !models_.front()->facts().named;
    if (found == nullptr && any) found = &models_.front();
    if (found == nullptr) return Unknown(name, models_);
    return IfDoes(*found, kind);
  }
  // A reranker classifies too, but is not what a request without a name asks for where there are
  // others.
  for (const bool rerankers : {false, true}) {
    for (const ModelLease& model : models_) {
      const bool passed_over =
          kind == TaskKind::kClassify && IsReranker(model->facts()) && !rerankers;
      if (Does(model, kind) && !passed_over) return model;
    }
  }
  if (models_.empty()) return Unknown(name, models_);
  return IfDoes(models_.front(), kind);
}

Result<ModelLease> ModelRegistry::FindByName(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const ModelLease* const found = FindName(name);
  if (found == nullptr) return Unknown(name, models_);
  return *found;
}

ModelLease ModelRegistry::First() const {
  const std::lock_guard lock(mutex_);
  return models_.empty() ? nullptr : models_.front();
}

ModelLease ModelRegistry::FindForIndex(const ModelIdentity* identity) const {
  const std::lock_guard lock(mutex_);
  for (const ModelLease& model : models_) {
    const IndexingFacts* const indexing = model->indexing();
    if (indexing == nullptr) continue;
    if (identity == nullptr) return model;
    ModelIdentity own = indexing->identity;
    own.name = identity->name;  // for people
    if (own == *identity) return model;
  }
  return nullptr;
}

std::vector<ModelLease> ModelRegistry::List() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

void ModelRegistry::Stop() {
  std::vector<ModelLease> models;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& weak : all_) {
      if (ModelLease model = weak.lock()) models.push_back(std::move(model));
    }
  }
  for (const ModelLease& model : models) model->Stop();
  {
    const std::lock_guard lock(mutex_);
    models_.clear();
  }
  models.clear();
  undertaker_->Stop();
}

}  // namespace minnow
