// SPDX-License-Identifier: Apache-2.0
// EngineService: requests become the engine's jobs.
#include "serving/engine_service.h"

#include <ctime>
#include <utility>

#include "models/weight_list.h"

namespace minnow {
namespace {

// A task that counts what its batches hold.
class MeasuredTask : public Task {
 public:
  MeasuredTask(const EmbeddingModel* model, Metrics* metrics) : task_(model), metrics_(metrics) {}

  size_t max_item_tokens() const override { return task_.max_item_tokens(); }
  std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_items,
                                          ThreadPool* pool) const override {
    return task_.NewWorkspace(max_tokens, max_items, pool);
  }
  void Run(std::span<const BatchItem> batch, Workspace& workspace) const override {
    uint64_t tokens = 0;
    for (const BatchItem& item : batch) tokens += item.tokens;
    metrics_->batch_next_size.Observe(static_cast<double>(batch.size()));
    metrics_->batch_next_tokens.Observe(static_cast<double>(tokens));
    task_.Run(batch, workspace);
  }

 private:
  EmbedTask task_;
  Metrics* metrics_;
};

// A job that is all preparation: any work, on the engine's preparing threads.
class AsideJob : public Job {
 public:
  explicit AsideJob(std::function<void()> work) : work_(std::move(work)) {}

  size_t expected_items() const override { return 0; }
  size_t expected_tokens() const override { return 0; }
  Result<std::vector<uint32_t>> Prepare() override {
    work_();
    return std::vector<uint32_t>();
  }
  // What was not run lets go of its request, which answers for itself.
  void Done(Status, const JobTimings&) override { work_ = nullptr; }

 private:
  std::function<void()> work_;
};

Error NotLoaded() { return Error{Code::kOverloaded, "the model is not loaded"}; }

}  // namespace

struct EngineService::Loaded {
  std::unique_ptr<EmbeddingModel> model;
  std::unique_ptr<MeasuredTask> task;
  std::unique_ptr<Engine> engine;
  EmbeddingFacts facts;
};

EngineService::EngineService(Metrics* metrics) : metrics_(metrics) {}

EngineService::~EngineService() { Stop(); }

Status EngineService::Start(std::unique_ptr<EmbeddingModel> model, std::string model_id,
                            const EngineOptions& options) {
  auto loaded = std::make_unique<Loaded>();
  const ModelInfo& info = model->encoder().info();
  loaded->facts.model_id = std::move(model_id);
  loaded->facts.dtype = DtypeName(info.dtype);
  loaded->facts.embedding_dtype = TableTypeName(info.embedding);
  if (info.quality) {
    loaded->facts.quality = {info.quality->texts, info.quality->cosine_mean,
                             info.quality->cosine_min};
  }
  for (const Pooling pooling : info.layout.pooling) {
    if (!loaded->facts.pooling.empty()) loaded->facts.pooling += '+';
    loaded->facts.pooling += PoolingName(pooling);
  }
  loaded->facts.embedding_size = model->embedding_size();
  loaded->facts.max_sequence_tokens = model->max_tokens();
  loaded->facts.max_batch_tokens = options.max_batch_tokens;
  loaded->facts.max_concurrent_requests = options.admission.jobs;
  loaded->facts.prepare_threads = static_cast<size_t>(options.prepare_threads);
  loaded->facts.loaded_unix_seconds = std::time(nullptr);
  loaded->task = std::make_unique<MeasuredTask>(model.get(), metrics_);
  loaded->model = std::move(model);
  MINNOW_ASSIGN_OR_RETURN(loaded->engine, Engine::Start(options, loaded->task.get()));

  const std::lock_guard lock(mutex_);
  CHECK(owned_ == nullptr);
  owned_ = std::move(loaded);
  loaded_.store(owned_.get(), std::memory_order_release);
  if (status_.state == ServiceState::kLoading) status_.state = ServiceState::kReady;
  return {};
}

void EngineService::Fail(std::string message) {
  const std::lock_guard lock(mutex_);
  status_ = {ServiceState::kFailed, std::move(message)};
}

void EngineService::BeginDrain() {
  const std::lock_guard lock(mutex_);
  status_.state = ServiceState::kDraining;
}

bool EngineService::Drain(std::chrono::nanoseconds limit) {
  BeginDrain();
  return loaded() == nullptr || loaded()->engine->Drain(limit);
}

void EngineService::Stop() {
  if (loaded() != nullptr) loaded()->engine->Stop();
}

ServiceStatus EngineService::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

const EmbeddingFacts* EngineService::facts() const {
  return loaded() == nullptr ? nullptr : &loaded()->facts;
}

const Tokenizer* EngineService::tokenizer() const {
  return loaded() == nullptr ? nullptr : &loaded()->model->tokenizer();
}

size_t EngineService::queued_inputs() const {
  return loaded() == nullptr ? 0 : loaded()->engine->load().items;
}

void EngineService::Embed(EmbedRequest request, const std::shared_ptr<ClientWatch>& client,
                          EmbedCallback done) {
  if (loaded() == nullptr) return done(NotLoaded());
  auto job = std::make_shared<EmbedJob>(loaded()->model.get(), std::move(request), done);
  if (client != nullptr) {
    client->OnGone([weak = std::weak_ptr<Job>(job)] {
      if (const auto strong = weak.lock()) strong->Cancel();
    });
  }
  Status status = loaded()->engine->Submit(std::move(job));
  if (!status.ok()) done(std::move(status).error());
}

Status EngineService::RunAside(std::function<void()> work) {
  if (loaded() == nullptr) return NotLoaded();
  return loaded()->engine->Submit(std::make_shared<AsideJob>(std::move(work)));
}

}  // namespace minnow
