// SPDX-License-Identifier: Apache-2.0
// Options about the store.
#include "cli/index/store_option.h"

#include "cli/command_line/command.h"
#include "cli/model_option.h"
#include "formats/bundle.h"
#include "formats/json.h"
#include "index/store/bundled_store.h"
#include "ingest/prepare.h"
#include "kernels/dispatch.h"

namespace minnow {

void AddStorePathOption(Command command, StoreOption& option, EmbeddedStore embedded) {
  const bool taken = embedded == EmbeddedStore::kTaken;
  command
      .AddOption("--index", option.path,
                 std::string("The store: one file, with vectors beside it") +
                     (taken ? "; a bundled program has its own" : ""))
      .Env("MINNOW_INDEX");
}

void AddStoreOptions(Command command, StoreOption& option, EmbeddedStore embedded) {
  AddStorePathOption(command, option, embedded);
  command.AddOption("--name", option.name, "Which of the store's indexes");
}

void RequireStore(const StoreOption& option, EmbeddedStore embedded) {
  if (!option.path.empty()) return;
  if (!HasBundledStore()) RequireArgument("--index");
  if (embedded == EmbeddedStore::kTaken) return;
  RequireArgument("What this program carries is only read: --index");
}

std::string NameOf(const StoreOption& option) {
  return option.path.empty() ? "the index in this program" : option.path;
}

Result<std::unique_ptr<Store>> OpenForReading(const StoreOption& option) {
  if (option.path.empty()) return OpenBundledStore();
  StoreOptions options;
  options.read_only = true;
  options.create = false;
  return Store::Open(option.path, options);
}

Result<std::unique_ptr<Store>> OpenForWriting(const StoreOption& option, bool create) {
  StoreOptions options;
  options.create = create;
  return Store::Open(option.path, options);
}

Result<std::shared_ptr<SearchIndex>> FindNamed(const Store& store, const StoreOption& option) {
  Result<std::shared_ptr<SearchIndex>> found = store.FindIndex(option.name);
  if (found.ok() || found.error().code != Code::kNotFound) return found;
  std::string names;
  for (const auto& index : store.Indexes()) names += (names.empty() ? "" : ", ") + index->name();
  return Error{Code::kNotFound, NameOf(option) + ": no index " + QuoteForMessage(option.name) +
                                    (names.empty() ? ": it has none" : "; it has " + names)};
}

Result<IdentifiedModel> LoadIdentified(const std::string& path, const std::string& dtype) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
  IdentifiedModel loaded;
  MINNOW_ASSIGN_OR_RETURN(loaded.model, EmbeddingModel::Load(source, precision));
  MINNOW_ASSIGN_OR_RETURN(loaded.identity, IdentifyModel(source, *loaded.model));
  return loaded;
}

Result<IdentifiedModel> LoadModelOf(const std::string& store, const ModelIdentity& made,
                                    const std::string& path, const std::string& dtype,
                                    const std::string& otherwise) {
  const auto refuse = [&](const std::string& why) {
    return Error{Code::kInvalidArgument, "--model: the vectors of " + store + " were made by " +
                                             made.name + " (" + made.dtype + "), checksum " +
                                             made.checksum + why};
  };
  const std::string hint = "; give that model with --model" + otherwise;
  const bool remembered = path.empty() && !HasBundledModel();
  if (remembered && made.path.empty()) return refuse(", and where it lies is not known" + hint);
  Result<IdentifiedModel> loaded =
      remembered ? LoadIdentified(made.path, dtype == "auto" ? made.dtype : dtype)
                 : LoadIdentified(path, dtype);
  if (!loaded.ok()) {
    if (!remembered) return loaded;
    return refuse(", which is not to be had any more: " + loaded.error().message + hint);
  }
  const ModelIdentity& given = loaded->identity;
  if (given.checksum != made.checksum || given.dtype != made.dtype ||
      given.dimensions != made.dimensions) {
    return refuse(", not by " + given.name + " (" + given.dtype + "), checksum " + given.checksum +
                  (remembered ? ", which lies at " + made.path + " now" + hint : ""));
  }
  return loaded;
}

Result<IdentifiedModel> LoadModelToAdd(const StoreOption& option, const std::string& path,
                                       const std::string& dtype) {
  if (!path.empty() || HasBundledModel()) return LoadIdentified(path, dtype);
  MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForReading(option));
  const auto index = store->FindIndex(option.name);
  if (index.ok()) {
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, (*index)->Stats());
    if (stats.model) return LoadModelOf(option.path, *stats.model, path, dtype, "");
  }
  return Error{Code::kInvalidArgument, "--model: index " + QuoteForMessage(option.name) + " of " +
                                           option.path + " has no vectors yet, so it needs one"};
}

}  // namespace minnow
