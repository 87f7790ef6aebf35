// SPDX-License-Identifier: Apache-2.0
// Models of texts with an encoder alone; others are loaded elsewhere.
#include "serving/engine_model.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/cpu.h"
#include "models/weights/precision.h"
#include "serving/generator.h"
#include "serving/image_maker.h"
#include "serving/queued_model.h"

namespace minnow {
namespace {

ModelFacts FactsOf(const ModelOptions& options, const TextModel& model) {
  const ModelInfo& info = model.info();
  ModelFacts facts;
  SetNames(options, info.model_id, &facts);
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

class TextQueuedModel : public QueuedModel {
 public:
  TextQueuedModel(ModelFacts facts, AnyModel model, std::optional<IndexingFacts> indexing,
                  Metrics* metrics)
      : QueuedModel(std::move(facts), std::make_unique<EmbedTask>(model.model.get()), metrics),
        model_(std::move(model.model)),
        classifier_(model.classifier),
        token_head_(model.token_head) {
    indexing_ = std::move(indexing);
  }
  ~TextQueuedModel() override { Stop(); }

  const Tokenizer* tokenizer() const override {
    return model_->has_tokenizer() ? &model_->tokenizer() : nullptr;
  }
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
    CHECK(facts().fills_masks);
    Submit(std::make_shared<FillMaskJob>(model_.get(), std::move(request), done), client, done);
  }

 private:
  const std::shared_ptr<const TextModel> model_;
  const ClassifyModel* const classifier_;   // null: it is none
  const TokenHeadModel* const token_head_;  // likewise
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
  if (source.kind() == ModelKind::kTextToImage)
    return LoadImageMaker(source, precision, options, compute, scheduler, metrics);
  if (!options.tiny_vae.empty() || !options.loras.empty()) {
    return Error{Code::kInvalidArgument,
                 source.name() + ": makes no pictures; --vae and --lora are for models that do"};
  }
  if (source.kind() == ModelKind::kTextToText)
    return LoadGenerator(source, precision, options, compute, scheduler, metrics);
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
  auto loaded = std::make_unique<TextQueuedModel>(std::move(facts), std::move(model),
                                                  std::move(indexing), metrics);
  MINNOW_RETURN_IF_ERROR(loaded->Start(scheduler, ToQueueOptions(compute, for_indexes)));
  return std::unique_ptr<LoadedModel>(std::move(loaded));
}

}  // namespace minnow
