// SPDX-License-Identifier: Apache-2.0
// SearchService: lanes, and the order of beginning and end.
#include "serving/search_service.h"

#include <utility>

namespace minnow {
namespace {

constexpr int kBackgroundThreads = 2;  // the embedder's loop, and maintenance beside it
// Another process may change an index's model; it is looked at again after this time.
constexpr std::chrono::seconds kBoundFor{1};

// What the index is bound to, as of a second ago at most; nullopt: to nothing yet.
Result<std::optional<ModelIdentity>> BoundModel(ServedGeneration& of, const SearchIndex& index) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(of.bound_mutex);
    const auto found = of.bound.find(index.id());
    if (found != of.bound.end() && now - found->second.when < kBoundFor) return found->second.model;
  }
  MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index.Stats());
  const std::lock_guard lock(of.bound_mutex);
  std::erase_if(of.bound, [&](const auto& entry) { return now - entry.second.when >= kBoundFor; });
  of.bound[index.id()] = {now, stats.model};
  return stats.model;
}

}  // namespace

SearchService::SearchService(SearchServiceOptions options, const ModelRegistry* models)
    : options_(std::move(options)),
      models_(models),
      replica_(options_.replica ? std::make_unique<ReplicaStatus>() : nullptr) {}

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
  mirror_ = std::move(mirror);
  CHECK(Exchange(std::move(store), 0) == nullptr);
}

StoreLease SearchService::Exchange(std::unique_ptr<Store> store, int64_t generation) {
  auto next = std::make_shared<ServedGeneration>();
  next->store = std::move(store);
  next->generation = generation;
  const std::lock_guard lock(mutex_);
  return std::exchange(present_, std::move(next));
}

StoreLease SearchService::lease() const {
  const std::lock_guard lock(mutex_);
  return present_;
}

Store* SearchService::store() const {
  const StoreLease present = lease();
  return present == nullptr ? nullptr : present->store.get();
}

void SearchService::StartEmbedding() {
  CHECK(store() != nullptr && owned_embedder_ == nullptr);
  owned_embedder_ = std::make_unique<Embedder>(store(), models_, background_.get(), options_.warn);
  embedder_.store(owned_embedder_.get(), std::memory_order_release);
  started_.store(true, std::memory_order_release);
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

Result<ModelLease> SearchService::ModelForNew() const {
  const bool started = started_.load(std::memory_order_acquire);
  ModelLease model = started ? models_->FindForIndex(nullptr) : nullptr;
  if (model == nullptr) return Error{Code::kOverloaded, "the model is not loaded"};
  return model;
}

Result<ModelLease> SearchService::ModelFor(ServedGeneration& of, const SearchIndex& index) const {
  MINNOW_ASSIGN_OR_RETURN(ModelLease first, ModelForNew());
  MINNOW_ASSIGN_OR_RETURN(const std::optional<ModelIdentity> bound, BoundModel(of, index));
  ModelLease model = bound.has_value() ? models_->FindForIndex(&*bound) : nullptr;
  return model != nullptr ? model : first;
}

Status SearchService::CheckModel(ServedGeneration& of, const SearchIndex& index,
                                 const LoadedModel& model) {
  MINNOW_ASSIGN_OR_RETURN(const std::optional<ModelIdentity> bound, BoundModel(of, index));
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
  StoreLease last;
  {
    const std::lock_guard lock(mutex_);
    last.swap(present_);
  }
  if (last == nullptr || last->store->read_only()) return;
  const Status status = last->store->RunMaintenance(true);
  if (!status.ok() && options_.warn) options_.warn(status.error().message);
}

}  // namespace minnow
