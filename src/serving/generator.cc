// SPDX-License-Identifier: Apache-2.0
#include "serving/generator.h"

#include <ctime>
#include <string>
#include <utility>

#include "serving/queued_model.h"
#include "tasks/generate/generate.h"

namespace minnow {
namespace {

class Generator : public QueuedModel {
 public:
  Generator(ModelFacts facts, std::unique_ptr<const GenerateModel> model, Metrics* metrics)
      : QueuedModel(std::move(facts), std::make_unique<GenerateTask>(model.get()), metrics),
        model_(std::move(model)),
        metrics_(metrics) {}
  ~Generator() override { Stop(); }

  const Tokenizer* tokenizer() const override {
    return model_->has_tokenizer() ? &model_->tokenizer() : nullptr;
  }
  const GenerateModel* generator() const override { return model_.get(); }
  using QueuedModel::Run;
  void Run(GenerateRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<GenerateAnswer> done) override {
    auto counted = [metrics = metrics_, done](Result<GenerateAnswer> answer) {
      if (answer.ok()) {
        metrics->generate.Observe(answer->input_tokens, answer->generated_tokens,
                                  answer->timings.first_token, answer->timings.a_token);
      }
      done(std::move(answer));
    };
    Submit(std::make_shared<GenerateJob>(model_.get(), std::move(request), std::move(counted),
                                         &metrics_->generate.load),
           client, done);
  }

 private:
  const std::unique_ptr<const GenerateModel> model_;
  Metrics* const metrics_;
};

}  // namespace

Result<std::unique_ptr<LoadedModel>> LoadGenerator(const ModelSource& source,
                                                   const EncoderPrecision& precision,
                                                   const ModelOptions& options,
                                                   const ComputeOptions& compute,
                                                   Scheduler* scheduler, Metrics* metrics) {
  MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<const GenerateModel> model,
                          GenerateModel::Load(source, precision));
  const T5Info& info = model->info();
  ModelFacts facts;
  SetNames(options, info.model_id, &facts);
  facts.task = TaskKind::kGenerate;
  facts.dtype = DtypeName(info.dtype);
  facts.embedding_dtype = TableTypeName(info.embedding);
  facts.embedding_size = static_cast<size_t>(info.config.d_model);
  facts.max_sequence_tokens = model->max_input_tokens();
  facts.prepare_threads = static_cast<size_t>(TokenizationThreads(compute));
  facts.loaded_unix_seconds = std::time(nullptr);
  const size_t mapped_bytes = source.packed() ? info.weight_bytes : 0;
  auto loaded = std::make_unique<Generator>(std::move(facts), std::move(model), metrics);
  ModelQueueOptions queue = ToQueueOptions(compute, /*for_indexes=*/false);
  queue.max_batch_items = GenerateTask::kMaxBatchItems;
  queue.mapped_bytes = mapped_bytes;
  queue.yields = true;
  MINNOW_RETURN_IF_ERROR(loaded->Start(scheduler, queue));
  return std::unique_ptr<LoadedModel>(std::move(loaded));
}

}  // namespace minnow
