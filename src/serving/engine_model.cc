// SPDX-License-Identifier: Apache-2.0
// Requests become the engine's jobs.
#include "serving/engine_model.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/cpu.h"
#include "models/weights/precision.h"

namespace minnow {
namespace {

// A query that comes while documents are embedded waits for one batch of this size at most.
constexpr size_t kBulkBatchTokens = 64;

// A task that counts what its batches hold.
class MeasuredTask : public Task {
 public:
  MeasuredTask(std::unique_ptr<Task> task, Metrics* metrics)
      : task_(std::move(task)), metrics_(metrics) {}

  size_t max_item_work() const override { return task_->max_item_work(); }
  size_t WorkspaceBytes(size_t max_work, size_t max_items, int threads) const override {
    return task_->WorkspaceBytes(max_work, max_items, threads);
  }
  std::unique_ptr<Workspace> NewWorkspace(size_t max_work, size_t max_items,
                                          ThreadPool* pool) const override {
    return task_->NewWorkspace(max_work, max_items, pool);
  }
  void Step(std::span<const BatchItem> items, Workspace& workspace,
            std::span<StepOutcome> outcomes) const override {
    uint64_t tokens = 0;
    for (const BatchItem& item : items) tokens += item.work;
    metrics_->batch_next_size.Observe(static_cast<double>(items.size()));
    metrics_->batch_next_tokens.Observe(static_cast<double>(tokens));
    task_->Step(items, workspace, outcomes);
  }

 private:
  const std::unique_ptr<Task> task_;
  Metrics* const metrics_;
};

ModelQueueOptions ToQueueOptions(const ComputeOptions& compute, bool for_indexes) {
  ModelQueueOptions options;
  options.max_batch_work = compute.max_batch_tokens;
  options.max_bulk_batch_work = for_indexes ? kBulkBatchTokens : 0;
  options.admission.jobs = compute.max_concurrent_requests;
  options.admission.wait = std::chrono::milliseconds(compute.max_queue_ms);
  return options;
}

ModelFacts FactsOf(const ModelOptions& options, const TextModel& model) {
  const ModelInfo& info = model.info();
  ModelFacts facts;
  facts.model_id = info.model_id;
  if (!options.names.empty()) {
    facts.named = true;
    facts.model_id = options.names.front();
    facts.aliases.assign(options.names.begin() + 1, options.names.end());
  }
  facts.dtype = DtypeName(info.dtype);
  facts.embedding_dtype = TableTypeName(info.embedding);
  facts.prompts = info.layout.prompts;
  if (info.quality) {
    facts.quality = {info.quality->texts, info.quality->cosine_mean, info.quality->cosine_min};
  }
  for (const Pooling pooling : info.layout.pooling) {
    if (!facts.pooling.empty()) facts.pooling += '+';
    facts.pooling += PoolingName(pooling);
  }
  facts.fills_masks = CheckFillsMasks(model).ok();
  facts.embedding_size = model.outputs();
  facts.max_sequence_tokens = model.max_tokens();
  facts.loaded_unix_seconds = std::time(nullptr);
  return facts;
}

// A model, and the same as what it is.
struct AnyModel {
  std::shared_ptr<const TextModel> model;
  const ClassifyModel* classifier = nullptr;
  const TokenHeadModel* token_head = nullptr;
};

class EngineModel : public LoadedModel {
 public:
  EngineModel(ModelFacts facts, AnyModel model, Metrics* metrics)
      : LoadedModel(std::move(facts)),
        model_(std::move(model.model)),
        classifier_(model.classifier),
        token_head_(model.token_head),
        task_(std::make_unique<EmbedTask>(model_.get()), metrics) {}
  ~EngineModel() override { Stop(); }

  // Once, before the model is shared.
  Status Start(Scheduler* scheduler, const ModelQueueOptions& options,
               std::optional<IndexingFacts> indexing) {
    facts_.max_batch_tokens = std::max(options.max_batch_work, task_.max_item_work());
    facts_.max_concurrent_requests = options.admission.jobs;
    indexing_ = std::move(indexing);
    auto queue = scheduler->AddQueue(&task_, options);
    if (!queue.ok()) {
      Error error = std::move(queue).error();
      error.message = facts_.model_id + ": " + error.message + " (--memory-limit)";
      return error;
    }
    queue_ = std::move(queue).value();
    return {};
  }

  const Tokenizer* tokenizer() const override {
    return model_->has_tokenizer() ? &model_->tokenizer() : nullptr;
  }
  ModelLoad load() const override {
    return {queue_->load().items, queue_->expected_wait(), queue_->stats().refusals};
  }
  std::chrono::seconds retry_after() const override { return queue_->retry_after(); }
  void Run(EmbedRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<EmbedAnswer> done) override {
    Submit(std::make_shared<EmbedJob>(model_.get(), std::move(request), done), client, done);
  }
  void Run(ClassifyRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<ClassifyAnswer> done) override {
    CHECK(classifier_ != nullptr);
    Submit(std::make_shared<ClassifyJob>(classifier_, std::move(request), done), client, done);
  }
  void Run(TokenScoresRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<TokenScoresAnswer> done) override {
    CHECK(token_head_ != nullptr);
    Submit(std::make_shared<TokenScoresJob>(token_head_, std::move(request), done), client, done);
  }
  void Run(FillMaskRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<FillMaskAnswer> done) override {
    CHECK(facts_.fills_masks);
    Submit(std::make_shared<FillMaskJob>(model_.get(), std::move(request), done), client, done);
  }
  void Stop() override {
    if (queue_ != nullptr) queue_->Close();
  }

 private:
  // `done` hears only of a job that is refused: one that is taken has its own.
  template <class Done>
  void Submit(std::shared_ptr<Job> job, const std::shared_ptr<ClientWatch>& client,
              const Done& done) {
    if (client != nullptr) {
      client->OnGone([weak = std::weak_ptr<Job>(job)] {
        if (const auto strong = weak.lock()) strong->Cancel();
      });
    }
    Status status = queue_->Submit(std::move(job));
    if (!status.ok()) done(std::move(status).error());
  }

  const std::shared_ptr<const TextModel> model_;
  const ClassifyModel* const classifier_;   // null: it is none
  const TokenHeadModel* const token_head_;  // likewise
  const MeasuredTask task_;
  std::shared_ptr<ModelQueue> queue_;
};

}  // namespace

int ComputeThreads(const ComputeOptions& options) {
  return options.threads > 0 ? options.threads : Cpu().usable_cores();
}

// Tokenizing takes a hundredth of the arithmetic's time. Two, so that one long text does not hold
// up all the others.
int TokenizationThreads(const ComputeOptions& options) {
  return options.tokenization_threads > 0 ? options.tokenization_threads
                                          : std::clamp(Cpu().usable_cores() / 8, 2, 8);
}

Result<std::unique_ptr<LoadedModel>> LoadModel(const ModelOptions& options,
                                               const ComputeOptions& compute, bool for_indexes,
                                               Scheduler* scheduler, Metrics* metrics) {
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(options.path));
  EncoderPrecision precision;
  MINNOW_ASSIGN_OR_RETURN(precision.dtype, ParseDtypeOrAuto(options.dtype));
  AnyModel model;
  std::optional<IndexingFacts> indexing;
  const ModelKind kind = source.kind();
  if (kind == ModelKind::kClassification) {
    MINNOW_ASSIGN_OR_RETURN(std::shared_ptr<const ClassifyModel> read,
                            ClassifyModel::Load(source, precision));
    model.classifier = read.get();
    model.model = std::move(read);
  } else if (IsPerToken(kind)) {
    MINNOW_ASSIGN_OR_RETURN(std::shared_ptr<const TokenHeadModel> read,
                            TokenHeadModel::Load(source, kind, precision));
    model.token_head = read.get();
    model.model = std::move(read);
  } else {
    MINNOW_ASSIGN_OR_RETURN(std::shared_ptr<const EmbeddingModel> read,
                            EmbeddingModel::Load(source, precision));
    if (for_indexes && read->has_tokenizer()) {
      indexing.emplace();
      MINNOW_ASSIGN_OR_RETURN(indexing->identity, IdentifyModel(source, *read));
      indexing->chunker = ChunkerOf(*read);
    }
    model.model = std::move(read);
  }
  ModelFacts facts = FactsOf(options, *model.model);
  facts.prepare_threads = static_cast<size_t>(TokenizationThreads(compute));
  if (model.classifier != nullptr) {
    facts.task = TaskKind::kClassify;
    facts.labels = model.classifier->labels();
  }
  if (model.token_head != nullptr) {
    facts.task =
        kind == ModelKind::kQuestionAnswering ? TaskKind::kAnswer : TaskKind::kTokenClassify;
    facts.labels = model.token_head->labels();
  }
  auto loaded = std::make_unique<EngineModel>(std::move(facts), std::move(model), metrics);
  MINNOW_RETURN_IF_ERROR(
      loaded->Start(scheduler, ToQueueOptions(compute, for_indexes), std::move(indexing)));
  return std::unique_ptr<LoadedModel>(std::move(loaded));
}

}  // namespace minnow
