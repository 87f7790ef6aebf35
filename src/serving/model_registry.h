// SPDX-License-Identifier: Apache-2.0
// ModelRegistry: the models that are loaded, found by name, task or identity.
//
// Every method may be called from any thread; none waits for a model. A model that is removed or
// replaced is destroyed once its last lease is gone, on a thread of the registry, as its own
// threads may hold that lease.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/work_lane.h"
#include "index/store/document.h"
#include "serving/loaded_model.h"

namespace minnow {

class ModelRegistry {
 public:
  // kInternal when no thread is to be had.
  static Result<std::unique_ptr<ModelRegistry>> Start();
  // Stops.
  ~ModelRegistry();

  // kInvalidArgument: one of the model's names is taken.
  Status Add(std::unique_ptr<LoadedModel> model);
  // The model takes the place of the one of the same name; requests under way end with the one that
  // they found. kNotFound: there is none.
  Status Replace(std::unique_ptr<LoadedModel> model);
  // kNotFound: there is none of that name.
  Status Remove(std::string_view name);

  // The model that a request names; without a name, the first one that does `kind` (nullopt:
  // whatever it does). While there is one model alone and nobody named it, any name will do.
  // kNotFound says which names there are; kUnsupported: the model does something else.
  Result<ModelLease> Find(std::string_view name, std::optional<TaskKind> kind) const;
  // The same by name alone: the one that has this name, for whoever asks what it is.
  Result<ModelLease> FindByName(std::string_view name) const;
  // The first one, whatever it does; null: none is loaded.
  ModelLease First() const;
  // The model that made an index's vectors; the first one that could where `identity` is null.
  // Null: it is not loaded.
  ModelLease FindForIndex(const ModelIdentity* identity) const;
  // In the order in which they were added.
  std::vector<ModelLease> List() const;

  // Ends the work of all models that are still in use. Idempotent.
  void Stop();

 private:
  explicit ModelRegistry(std::unique_ptr<WorkLane> lane) : undertaker_(std::move(lane)) {}
  ModelLease Own(std::unique_ptr<LoadedModel> model);
  // Both REQUIRE mutex_. Null: none is.
  const ModelLease* FindName(std::string_view name) const;
  Status CheckNames(const ModelFacts& facts, const LoadedModel* but) const;

  const std::shared_ptr<WorkLane> undertaker_;  // destroys models
  mutable std::mutex mutex_;
  std::vector<ModelLease> models_;               // guarded by mutex_
  std::vector<std::weak_ptr<LoadedModel>> all_;  // guarded by mutex_: removed ones too
};

}  // namespace minnow
