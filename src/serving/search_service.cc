// SPDX-License-Identifier: Apache-2.0
// SearchService: lanes, and the order of beginning and end.
#include "serving/search_service.h"

#include <utility>

namespace minnow {
namespace {

constexpr int kBackgroundThreads = 2;  // the embedder's loop, and maintenance beside it
// Another process may change an index's model; it is looked at again after this time.
constexpr std::chrono::seconds kBoundFor{1};

}  // namespace

SearchService::SearchService(SearchServiceOptions options, const ModelRegistry* models)
    : options_(std::move(options)), models_(models) {}

Result<std::unique_ptr<SearchService>> SearchService::Start(SearchServiceOptions options,
                                                            const ModelRegistry* models) {
  std::unique_ptr<SearchService> service(new SearchService(std::move(options), models));
  const SearchServiceOptions& o = service->options_;
  MINNOW_ASSIGN_OR_RETURN(service->readers_, WorkLane::Start({.threads = o.read_threads,
                                                              .max_waiting = o.max_waiting_reads}));
  for (auto* lane : {&service->preparer_, &service->writer_}) {
    MINNOW_ASSIGN_OR_RETURN(
        *lane,
        WorkLane::Start({.threads = 1, .max_waiting = o.max_waiting_writes, .background = true}));
  }
  MINNOW_ASSIGN_OR_RETURN(service->background_,
                          WorkLane::Start({.threads = kBackgroundThreads, .background = true}));
  return service;
}

SearchService::~SearchService() { Stop(); }

void SearchService::Open(std::unique_ptr<Store> store, std::string mirror) {
  CHECK(store_ == nullptr);
  store_ = std::move(store);
  mirror_ = std::move(mirror);
  open_.store(store_.get(), std::memory_order_release);
}

void SearchService::StartEmbedding() {
  CHECK(store_ != nullptr && owned_embedder_ == nullptr);
  owned_embedder_ =
      std::make_unique<Embedder>(store_.get(), models_, background_.get(), options_.warn);
  embedder_.store(owned_embedder_.get(), std::memory_order_release);
  const Status status =
      background_->Submit([embedder = owned_embedder_.get()] { embedder->Run(); });
  if (!status.ok() && options_.warn) options_.warn(status.error().message);
}

void SearchService::StoreChanged() {
  if (Embedder* embedder = embedder_.load(std::memory_order_acquire)) embedder->Wake();
}

void SearchService::WhenTaskEnds(int64_t task, std::chrono::seconds limit,
                                 std::shared_ptr<ClientWatch> client, Embedder::TaskCallback done) {
  Embedder* embedder = embedder_.load(std::memory_order_acquire);
  if (embedder == nullptr) return done(Error{Code::kOverloaded, "the model is not loaded"});
  embedder->WhenTaskEnds(task, limit, std::move(client), std::move(done));
}

Result<std::optional<ModelIdentity>> SearchService::BoundModel(const SearchIndex& index) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(bound_mutex_);
    const auto found = bound_.find(index.id());
    if (found != bound_.end() && now - found->second.when < kBoundFor) return found->second.model;
  }
  MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index.Stats());
  const std::lock_guard lock(bound_mutex_);
  std::erase_if(bound_, [&](const auto& entry) { return now - entry.second.when >= kBoundFor; });
  bound_[index.id()] = {now, stats.model};
  return stats.model;
}

Result<ModelLease> SearchService::ModelForNew() const {
  const bool started = embedder_.load(std::memory_order_acquire) != nullptr;
  ModelLease model = started ? models_->FindForIndex(nullptr) : nullptr;
  if (model == nullptr) return Error{Code::kOverloaded, "the model is not loaded"};
  return model;
}

Result<ModelLease> SearchService::ModelFor(const SearchIndex& index) {
  MINNOW_ASSIGN_OR_RETURN(ModelLease first, ModelForNew());
  MINNOW_ASSIGN_OR_RETURN(const std::optional<ModelIdentity> bound, BoundModel(index));
  ModelLease model = bound.has_value() ? models_->FindForIndex(&*bound) : nullptr;
  return model != nullptr ? model : first;
}

Status SearchService::CheckModel(const SearchIndex& index, const LoadedModel& model) {
  MINNOW_ASSIGN_OR_RETURN(const std::optional<ModelIdentity> bound, BoundModel(index));
  if (!bound.has_value()) return {};
  const IndexingFacts* const indexing = model.indexing();
  if (indexing == nullptr) return Error{Code::kOverloaded, "the model is not loaded"};
  ModelIdentity own = indexing->identity;
  own.name = bound->name;  // for people
  if (own == *bound) return {};
  return Error{Code::kInvalidArgument, "index " + QuoteForMessage(index.name()) +
                                           ": its vectors are of model " + bound->name + " (" +
                                           bound->dtype + "), this server runs " +
                                           indexing->identity.name + " (" + own.dtype +
                                           "): lexical search only (semantic_ratio 0)"};
}

void SearchService::BeginStop() {
  if (Embedder* embedder = embedder_.load(std::memory_order_acquire)) embedder->Stop();
}

void SearchService::Stop() {
  BeginStop();
  // Start may have failed before the last of them.
  for (WorkLane* lane : {background_.get(), preparer_.get(), writer_.get(), readers_.get()}) {
    if (lane != nullptr) lane->Stop();
  }
  open_.store(nullptr, std::memory_order_release);
  if (store_ == nullptr) return;
  if (!store_->read_only()) {
    const Status status = store_->RunMaintenance(true);
    if (!status.ok() && options_.warn) options_.warn(status.error().message);
  }
  store_.reset();
}

}  // namespace minnow
