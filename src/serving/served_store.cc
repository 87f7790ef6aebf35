// SPDX-License-Identifier: Apache-2.0
#include "serving/served_store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "base/cpu.h"
#include "index/store/bundled_store.h"

namespace minnow {
namespace {

constexpr int kMostReadThreads = 8;
constexpr std::chrono::milliseconds kPoll{20};
constexpr std::chrono::seconds kLogInterval{2};

}  // namespace

Status ServedStore::Start() {
  if (!wanted()) return {};
  SearchServiceOptions options;
  options.read_threads = std::clamp(Cpu().usable_cores(), 2, kMostReadThreads);
  options.replica = is_replica();
  options.warn = [this](const std::string& message) { log_.Warning(message); };
  MINNOW_ASSIGN_OR_RETURN(search_, SearchService::Start(std::move(options), models_));
  if (options_.is_kuberian) kuberian_ = std::make_unique<KuberianService>(search_.get());
  return {};
}

void ServedStore::LogOpen(const Store& store) const {
  log_.Info("store open", {{"path", store.path()},
                           {"indexes", store.Indexes().size()},
                           {"read_only", store.read_only()}});
}

Status ServedStore::Open() {
  if (!wanted() || options_.is_kuberian || is_replica()) return {};
  const std::string& path = options_.index;
  StoreOptions options;
  options.read_only = options_.read_only;
  auto opened = path.empty() ? OpenBundledStore() : Store::Open(path, options);
  if (!opened.ok()) {
    Error error = std::move(opened).error();
    std::error_code ignored;
    const bool hint = !path.empty() && !options.read_only && error.code == Code::kInternal &&
                      std::filesystem::exists(path, ignored) && !CanWrite(path);
    if (hint) error.message += "; --read-only serves what is in it";
    return error;
  }
  std::unique_ptr<Store> store = std::move(opened).value();
  LogOpen(*store);
  search_->Open(std::move(store));
  return {};
}

Status ServedStore::OpenFunctions(const ModelIdentity& model) {
  if (KuberianPath(options_).empty()) {
    MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<Store> store, OpenBundledStore());
    MINNOW_ASSIGN_OR_RETURN(functions_, TakeKuberianStore(std::move(store), model));
  } else {
    MINNOW_ASSIGN_OR_RETURN(
        functions_, OpenKuberianStore(KuberianPath(options_), options_.read_only, model, log_));
  }
  LogOpen(*functions_.store);
  return {};
}

Status ServedStore::BeginEmbedding() {
  if (!wanted()) return {};
  const ModelLease lease = models_->FindForIndex(nullptr);
  if (lease == nullptr) {
    return Error{Code::kInvalidArgument, "a store is served, but none of the models embeds texts"};
  }
  if (is_replica()) {
    search_->StartReplica();
    follower_ = std::make_unique<SnapshotFollower>(options_.replica, log_, models_, search_.get());
    return follower_->Start();
  }
  const ModelIdentity& model = lease->indexing()->identity;
  if (kuberian_ != nullptr) {
    MINNOW_RETURN_IF_ERROR(OpenFunctions(model));
    MINNOW_RETURN_IF_ERROR(ImportFunctions(functions_, lease->indexing()->chunker, log_));
    search_->Open(std::move(functions_.store), functions_.source.empty() ? "" : functions_.index);
  }
  Store& store = *search_->store();
  if (!store.read_only()) {
    for (const auto& index : store.Indexes()) {
      const bool functions = kuberian_ != nullptr && index->name() == functions_.index;
      // Without its vectors Kuberian's search is none; other indexes still have their words.
      if (!options_.reembed && !functions) continue;
      MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
      const bool served = stats.model && models_->FindForIndex(&*stats.model) != nullptr;
      if (!served || functions) {
        MINNOW_RETURN_IF_ERROR(index->UseModel(model, options_.reembed));
      }
    }
  }
  search_->StartEmbedding();
  if (kuberian_ == nullptr) return {};
  MINNOW_RETURN_IF_ERROR(AwaitVectors());
  return kuberian_->Open(functions_.index);
}

Status ServedStore::AwaitVectors() {
  MINNOW_ASSIGN_OR_RETURN(const auto index, search_->store()->FindIndex(functions_.index));
  auto logged = std::chrono::steady_clock::now();
  while (true) {
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
    if (stats.pending_chunks == 0) return {};
    const auto now = std::chrono::steady_clock::now();
    if (now - logged >= kLogInterval) {
      logged = now;
      log_.Info("making vectors",
                {{"done", stats.chunks - stats.pending_chunks}, {"total", stats.chunks}});
    }
    std::this_thread::sleep_for(kPoll);
  }
}

void ServedStore::BeginStop() {
  if (follower_ != nullptr) follower_->BeginStop();
  if (search_ != nullptr) search_->BeginStop();
}

void ServedStore::Stop() {
  if (follower_ != nullptr) follower_->Stop();
  if (search_ != nullptr) search_->Stop();
}

}  // namespace minnow
