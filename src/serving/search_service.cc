// SPDX-License-Identifier: Apache-2.0
// SearchService: lanes, and the order of beginning and end.
#include "serving/search_service.h"

#include <utility>

namespace minnow {
namespace {

constexpr int kBackgroundThreads = 2;  // the embedder's loop, and maintenance beside it
// Another process may change an index's model; it is looked at again after this time.
constexpr std::chrono::seconds kModelCheckedFor{1};

}  // namespace

SearchService::SearchService(SearchServiceOptions options, EmbeddingService* embeddings)
    : options_(std::move(options)), embeddings_(embeddings) {}

Result<std::unique_ptr<SearchService>> SearchService::Start(SearchServiceOptions options,
                                                            EmbeddingService* embeddings) {
  std::unique_ptr<SearchService> service(new SearchService(std::move(options), embeddings));
  const SearchServiceOptions& o = service->options_;
  MINNOW_ASSIGN_OR_RETURN(service->readers_, WorkLane::Start({.threads = o.read_threads,
                                                              .max_waiting = o.max_waiting_reads}));
  MINNOW_ASSIGN_OR_RETURN(
      service->writer_,
      WorkLane::Start({.threads = 1, .max_waiting = o.max_waiting_writes, .background = true}));
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

void SearchService::StartEmbedding(ModelIdentity model, Chunker chunker) {
  CHECK(store_ != nullptr && owned_embedder_ == nullptr);
  chunker_ = std::move(chunker);
  owned_embedder_ = std::make_unique<Embedder>(store_.get(), embeddings_, background_.get(),
                                               std::move(model), options_.warn);
  embedder_.store(owned_embedder_.get(), std::memory_order_release);
  const Status status =
      background_->Submit([embedder = owned_embedder_.get()] { embedder->Run(); });
  if (!status.ok() && options_.warn) options_.warn(status.error().message);
}

void SearchService::StoreChanged() {
  changes_.fetch_add(1, std::memory_order_acq_rel);
  if (Embedder* embedder = embedder_.load(std::memory_order_acquire)) embedder->Wake();
}

void SearchService::WhenTaskEnds(int64_t task, std::chrono::seconds limit,
                                 std::shared_ptr<ClientWatch> client, Embedder::TaskCallback done) {
  Embedder* embedder = embedder_.load(std::memory_order_acquire);
  if (embedder == nullptr) return done(Error{Code::kOverloaded, "the model is not loaded"});
  embedder->WhenTaskEnds(task, limit, std::move(client), std::move(done));
}

Status SearchService::CheckModel(const SearchIndex& index) {
  Embedder* embedder = embedder_.load(std::memory_order_acquire);
  if (embedder == nullptr) return Error{Code::kOverloaded, "the model is not loaded"};
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(checked_mutex_);
    const auto found = checked_.find(index.id());
    if (found != checked_.end() && now - found->second < kModelCheckedFor) return {};
  }
  MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index.Stats());
  if (stats.model.has_value()) {
    ModelIdentity own = embedder->model();
    own.name = stats.model->name;  // for people
    if (own != *stats.model) {
      return Error{Code::kInvalidArgument, "index " + QuoteForMessage(index.name()) +
                                               ": its vectors are of model " + stats.model->name +
                                               " (" + stats.model->dtype + "), this server runs " +
                                               embedder->model().name + " (" + own.dtype +
                                               "): lexical search only (semantic_ratio 0)"};
    }
  }
  const std::lock_guard lock(checked_mutex_);
  std::erase_if(checked_,
                [&](const auto& entry) { return now - entry.second >= kModelCheckedFor; });
  checked_[index.id()] = now;
  return {};
}

void SearchService::BeginStop() {
  if (Embedder* embedder = embedder_.load(std::memory_order_acquire)) embedder->Stop();
}

void SearchService::Stop() {
  BeginStop();
  background_->Stop();
  writer_->Stop();
  readers_->Stop();
  open_.store(nullptr, std::memory_order_release);
  if (store_ == nullptr) return;
  if (!store_->read_only()) {
    const Status status = store_->RunMaintenance(true);
    if (!status.ok() && options_.warn) options_.warn(status.error().message);
  }
  store_.reset();
}

}  // namespace minnow
