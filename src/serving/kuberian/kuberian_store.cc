// SPDX-License-Identifier: Apache-2.0
// Which file the functions are served from, and how they come there.
#include "serving/kuberian/kuberian_store.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "formats/bundle.h"
#include "ingest/kuberian_database.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultDatabase = "./kuberian.db";
constexpr const char* kDefaultIndex = "default";
constexpr std::chrono::seconds kLogInterval{2};

// The index that holds functions; empty: none does.
std::string FindFunctions(const Store& store) {
  for (const char* name : {kKuberianIndex, kDefaultIndex}) {
    if (store.FindIndex(name).ok()) return name;
  }
  return {};
}

Error NoFunctions(const std::string& path) {
  return {Code::kNotFound, path + ": has neither Kuberian's tables nor an index \"" +
                               kKuberianIndex + "\" or \"" + kDefaultIndex + "\""};
}

Result<KuberianStore> OpenForWriting(const std::string& path, bool tables) {
  KuberianStore opened;
  auto store = Store::Open(path, {.create = false, .adopt = tables});
  if (!store.ok() && store.error().code == Code::kNotFound) return NoFunctions(path);
  MINNOW_ASSIGN_OR_RETURN(opened.store, std::move(store));
  opened.index = FindFunctions(*opened.store);
  if (tables) {
    opened.source = path;
    opened.index = kKuberianIndex;
  }
  if (opened.index.empty()) return NoFunctions(path);
  return opened;
}

// The file as it is, where nothing is missing; an Error says what is.
Result<KuberianStore> OpenComplete(const std::string& path, const ModelIdentity& model) {
  MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<Store> store, Store::Open(path, {.read_only = true}));
  return TakeKuberianStore(std::move(store), model);
}

Result<KuberianStore> OpenTemporary(const std::string& path, const Log& log) {
  KuberianStore opened;
  MINNOW_ASSIGN_OR_RETURN(opened.folder, TemporaryFolder::Make());
  MINNOW_ASSIGN_OR_RETURN(opened.store, Store::Open(opened.folder->path() + "/functions.db", {}));
  opened.index = kKuberianIndex;
  opened.source = path;
  log.Warning("the database cannot be written to: vectors are made again at each start",
              {{"path", path}, {"folder", opened.folder->path()}});
  return opened;
}

// Tells how far something is, now and then.
class ProgressLog {
 public:
  ProgressLog(const Log& log, const char* message) : log_(log), message_(message) {}
  void operator()(uint64_t done, uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < kLogInterval) return;
    last_ = now;
    log_.Info(message_, {{"done", done}, {"total", total}});
  }

 private:
  const Log& log_;
  const char* message_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

// SQLite makes files beside its own.
bool CanWrite(const std::string& path) {
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  return ::access(path.c_str(), W_OK) == 0 && ::access(folder.c_str(), W_OK) == 0;
}

Result<KuberianStore> OpenKuberianStore(const std::string& path, bool read_only,
                                        const ModelIdentity& model, const Log& log) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Error{Code::kNotFound, path + ": no such file"};
  MINNOW_ASSIGN_OR_RETURN(const bool tables, HasKuberianTables(path));
  Result<KuberianStore> opened =
      !read_only && CanWrite(path) ? OpenForWriting(path, tables) : OpenComplete(path, model);
  const bool complete = opened.ok();
  if (!complete && tables && (read_only || !CanWrite(path))) opened = OpenTemporary(path, log);
  if (!opened.ok()) return opened;
  if (!opened->source.empty() && !opened->store->FindIndex(opened->index).ok()) {
    MINNOW_RETURN_IF_ERROR(opened->store->CreateIndex(opened->index, KuberianSettings()));
  }
  return opened;
}

Result<KuberianStore> TakeKuberianStore(std::unique_ptr<Store> store, const ModelIdentity& model) {
  KuberianStore taken;
  taken.store = std::move(store);
  const std::string path = taken.store->path();
  taken.index = FindFunctions(*taken.store);
  if (taken.index.empty()) return NoFunctions(path);
  MINNOW_ASSIGN_OR_RETURN(const auto index, taken.store->FindIndex(taken.index));
  MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
  ModelIdentity own = model;
  if (stats.model.has_value()) own.name = stats.model->name;
  if (stats.pending_chunks > 0 || (stats.model.has_value() && *stats.model != own)) {
    return Error{Code::kInvalidArgument, path + ": its functions have no vectors of this model"};
  }
  return taken;
}

Status ImportFunctions(const KuberianStore& opened, const Chunker& chunker, const Log& log) {
  if (opened.source.empty()) return {};
  MINNOW_ASSIGN_OR_RETURN(const auto index, opened.store->FindIndex(opened.index));
  ProgressLog progress(log, "reading functions");
  MINNOW_ASSIGN_OR_RETURN(
      const KuberianImport imported,
      ImportKuberian(opened.source, chunker, *index, [&progress](uint64_t done, uint64_t total) {
        progress(done, total);
        return true;
      }));
  log.Info("functions read", {{"functions", imported.functions},
                              {"changed", imported.changed},
                              {"removed", imported.removed}});
  return {};
}

std::string KuberianPath(const ServedStoreOptions& options) {
  if (!options.kuberian.empty()) return options.kuberian;
  const char* url = std::getenv("DATABASE_URL");
  if (url != nullptr && *url != '\0') return url;
  return HasBundledStore() ? "" : kDefaultDatabase;
}

}  // namespace minnow
