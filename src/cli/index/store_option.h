// SPDX-License-Identifier: Apache-2.0
// --index and --name, which the commands about an index share, and the store behind them.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/command_line/command.h"
#include "index/store/store.h"
#include "models/weights/precision.h"
#include "tasks/embedding_model.h"

namespace minnow {

struct StoreOption {
  std::string path;
  std::string name = "default";
};

// Whether a command does without --index where the program carries a store; its help says so.
enum class EmbeddedStore { kRefused, kTaken };

// Adds --index (MINNOW_INDEX) and --name.
void AddStoreOptions(Command command, StoreOption& option,
                     EmbeddedStore embedded = EmbeddedStore::kRefused);
// Only --index.
void AddStorePathOption(Command command, StoreOption& option,
                        EmbeddedStore embedded = EmbeddedStore::kRefused);

// For the command's callback: ends the command line's parsing as wrong usage where there is no
// store.
void RequireStore(const StoreOption& option, EmbeddedStore embedded);
// The store for people: its path, or that it is the program's own.
std::string NameOf(const StoreOption& option);

// An existing store, as it is; without --index the program's own.
Result<std::unique_ptr<Store>> OpenForReading(const StoreOption& option);
// `create`: make it where there is none.
Result<std::unique_ptr<Store>> OpenForWriting(const StoreOption& option, bool create);
// The index named by --name; the message says which there are.
Result<std::shared_ptr<SearchIndex>> FindNamed(const Store& store, const StoreOption& option);

// A model with what an index is bound to.
struct IdentifiedModel {
  std::unique_ptr<EmbeddingModel> model;
  ModelIdentity identity;
};
Result<IdentifiedModel> LoadIdentified(const std::string& path, const std::string& dtype);
// The model that made the vectors of `store`: the one given, else the program's own, else the one
// at the path that the store remembers. kInvalidArgument where that is another one, or is gone;
// `otherwise` ends that message with what else could be done.
Result<IdentifiedModel> LoadModelOf(const std::string& store, const ModelIdentity& made,
                                    const std::string& path, const std::string& dtype,
                                    const std::string& otherwise);
// The model to add documents with: the one given, else the program's own, else the one that made
// the vectors that are there.
Result<IdentifiedModel> LoadModelToAdd(const StoreOption& option, const std::string& path,
                                       const std::string& dtype);

}  // namespace minnow
