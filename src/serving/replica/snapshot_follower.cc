// SPDX-License-Identifier: Apache-2.0
#include "serving/replica/snapshot_follower.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "formats/atomic_file.h"
#include "formats/json.h"
#include "formats/xxh64.h"

namespace minnow {
namespace {

using Clock = std::chrono::steady_clock;

// Until there is a first generation: people wait for it.
constexpr std::chrono::milliseconds kFirstPause{1000};
// Generations that requests still use are looked at this often.
constexpr std::chrono::milliseconds kCloseInterval{1000};

Progress Until(const std::stop_token& stop) {
  return [stop](uint64_t, uint64_t) { return !stop.stop_requested(); };
}

}  // namespace

SnapshotFollower::~SnapshotFollower() { Stop(); }

Status SnapshotFollower::Start() {
  if (options_.fetch) {
    std::string folder = options_.cache;
    if (folder.empty()) {
      MINNOW_ASSIGN_OR_RETURN(temporary_, TemporaryFolder::Make());
      folder = temporary_->path() + "/snapshots";  // the folder itself is locked already
    }
    MINNOW_ASSIGN_OR_RETURN(SnapshotFolder opened, SnapshotFolder::Open(folder));
    cache_.emplace(std::move(opened));
  }
  try {
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  } catch (const std::system_error& error) {
    return Error{Code::kInternal, std::string("no thread for the snapshot: ") + error.what()};
  }
  return {};
}

void SnapshotFollower::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  former_.clear();
}

void SnapshotFollower::Run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::chrono::milliseconds pause = std::min(kFirstPause, options_.refresh);
  while (!stop.stop_requested()) {
    Status status;
    try {
      status = Refresh(stop);
      if (!status.ok() && served_.empty()) ServeFromCache(stop);
    } catch (const std::exception& error) {
      status = Error{Code::kInternal, error.what()};
    }
    if (stop.stop_requested()) break;
    Report(status);
    if (!served_.empty()) pause = options_.refresh;
    const auto next = Clock::now() + pause;
    pause = std::min(2 * pause, options_.refresh);
    while (Clock::now() < next && !stop.stop_requested()) {
      CloseUnused();
      const auto wake = former_.empty() ? next : std::min(next, Clock::now() + kCloseInterval);
      std::unique_lock lock(mutex);
      stopped.wait_until(lock, stop, wake, [] { return false; });
    }
  }
}

void SnapshotFollower::Report(const Status& status) {
  const bool other = search_->replica()->SetProblem(status.ok() ? "" : status.error().message);
  if (!other) return;
  if (status.ok()) {
    log_.Info("snapshot found again", {{"from", options_.from}});
  } else {
    log_.Warning("snapshot not refreshed",
                 {{"from", options_.from}, {"reason", status.error().message}});
  }
}

// Requests get no new lease of a former generation: the last one is this.
void SnapshotFollower::CloseUnused() {
  std::erase_if(former_, [](const StoreLease& lease) { return lease.use_count() == 1; });
}

Status SnapshotFollower::Refresh(const std::stop_token& stop) {
  MINNOW_ASSIGN_OR_RETURN(std::string text, FetchManifest(stop));
  if (!served_.empty() && text == served_) return {};
  MINNOW_ASSIGN_OR_RETURN(const SnapshotManifest manifest, ParseManifest(text, kManifestName));
  // Before anything is fetched.
  for (const SnapshotIndex& index : manifest.indexes) {
    MINNOW_RETURN_IF_ERROR(CheckModel(index.name, index.model));
  }
  if (!cache_) {
    MINNOW_RETURN_IF_ERROR(CheckSnapshot(options_.from, manifest, Until(stop)));
    return Serve(options_.from, manifest, std::move(text));
  }
  // What refreshes have left that came to nothing would fill the disk.
  cache_->RemoveOthers(manifest.store().name, StoreToKeep(), 0);
  MINNOW_RETURN_IF_ERROR(Fetch(manifest, stop));
  MINNOW_RETURN_IF_ERROR(Serve(cache_->path(), manifest, text));
  // What is mapped stays, whether it has a name or not.
  cache_->RemoveOthers(served_store_, {}, 0);
  return cache_->Publish(text);
}

// The store that is served, or could be from the cache; empty: none.
std::string SnapshotFollower::StoreToKeep() const {
  if (!served_.empty()) return served_store_;
  const auto text = ReadManifest(cache_->path());
  if (!text.ok()) return {};
  const auto manifest = ParseManifest(*text, kManifestName);
  return manifest.ok() ? manifest->store().name : std::string();
}

Result<std::string> SnapshotFollower::FetchManifest(const std::stop_token& stop) const {
  if (!options_.fetch) return ReadManifest(options_.from);
  std::string text;
  const Status status =
      options_.fetch(kManifestName, kMaxManifestBytes, stop, [&text](std::string_view piece) {
        text += piece;
        return Status();
      });
  if (!status.ok()) return Annotate(status.error(), kManifestName);
  return text;
}

Status SnapshotFollower::Fetch(const SnapshotManifest& manifest,
                               const std::stop_token& stop) const {
  for (const SnapshotFile& file : manifest.files) {
    if (CheckSnapshotFile(cache_->File(file.name), file, Until(stop)).ok()) continue;
    Status status = FetchFile(file, stop);
    if (!status.ok()) return Annotate(std::move(status).error(), file.name);
  }
  return {};
}

Status SnapshotFollower::FetchFile(const SnapshotFile& file, const std::stop_token& stop) const {
  MINNOW_ASSIGN_OR_RETURN(AtomicFile out, AtomicFile::Create(cache_->File(file.name)));
  Xxh64 checksum;
  uint64_t bytes = 0;
  MINNOW_RETURN_IF_ERROR(
      options_.fetch(file.name, file.bytes, stop, [&](std::string_view piece) -> Status {
        const auto part = std::as_bytes(std::span(piece));
        bytes += part.size();
        checksum.Update(part);
        return out.Write(part);
      }));
  MINNOW_RETURN_IF_ERROR(CheckSums(file, bytes, checksum.Digest()));
  return out.Commit();
}

Status SnapshotFollower::CheckModel(const std::string& index,
                                    const std::optional<ModelIdentity>& model) const {
  if (!model || models_->FindForIndex(&*model) != nullptr) return {};
  return Error{Code::kInvalidArgument,
               "index " + QuoteForMessage(index) + ": its vectors are of model " +
                   QuoteForMessage(model->name) + " (" + model->dtype + ", checksum " +
                   model->checksum + "), which this server has not loaded"};
}

Status SnapshotFollower::Serve(const std::string& folder, const SnapshotManifest& manifest,
                               std::string text) {
  MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<Store> store, OpenSnapshot(folder, manifest));
  // The store itself is what counts.
  int64_t passages = 0;
  for (const auto& index : store->Indexes()) {
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
    MINNOW_RETURN_IF_ERROR(CheckModel(index->name(), stats.model));
    passages += static_cast<int64_t>(stats.chunks);
  }
  if (StoreLease former = search_->Exchange(std::move(store), manifest.generation)) {
    former_.push_back(std::move(former));
  }
  search_->replica()->SetServed(manifest.generation, manifest.created_unix_ms);
  served_ = std::move(text);
  served_store_ = manifest.store().name;
  log_.Info("snapshot served",
            {{"from", options_.from}, {"generation", manifest.generation}, {"passages", passages}});
  return {};
}

void SnapshotFollower::ServeFromCache(const std::stop_token& stop) {
  if (!cache_) return;
  auto text = ReadManifest(cache_->path());
  if (!text.ok()) return;
  const auto manifest = ParseManifest(*text, kManifestName);
  if (!manifest.ok()) return;
  if (!CheckSnapshot(cache_->path(), *manifest, Until(stop)).ok()) return;
  (void)Serve(cache_->path(), *manifest, std::move(*text));
}

}  // namespace minnow
