// SPDX-License-Identifier: Apache-2.0
#include "serving/image_maker.h"

#include <algorithm>
#include <ctime>
#include <string>
#include <utility>

#include "serving/queued_model.h"
#include "tasks/image/job.h"

namespace minnow {
namespace {

class ImageMaker : public QueuedModel {
 public:
  // task: of `owned`.
  ImageMaker(ModelFacts facts, std::unique_ptr<const ImageModel> model, const ImageTask* task,
             std::unique_ptr<const Task> owned, Metrics* metrics)
      : QueuedModel(std::move(facts), std::move(owned), metrics),
        model_(std::move(model)),
        task_(task),
        metrics_(metrics) {}
  ~ImageMaker() override { Stop(); }

  const Tokenizer* tokenizer() const override { return &model_->tokenizer(); }
  const ImageModel* image_model() const override { return model_.get(); }
  using QueuedModel::Run;
  void Run(ImageJobRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<ImageAnswer> done) override {
    auto counted = [metrics = metrics_, done](Result<ImageAnswer> answer) {
      if (answer.ok()) metrics->image.Observe(answer->images.size(), answer->timings.a_step);
      done(std::move(answer));
    };
    Submit(std::make_shared<ImageJob>(task_, std::move(request), std::move(counted),
                                      &metrics_->image.load),
           client, done);
  }
  // A step takes seconds: the one that runs is broken off.
  void Stop() override {
    task_->Stop();
    QueuedModel::Stop();
  }

 private:
  const std::unique_ptr<const ImageModel> model_;
  const ImageTask* const task_;
  Metrics* const metrics_;
};

}  // namespace

Result<std::unique_ptr<LoadedModel>> LoadImageMaker(const ModelSource& source,
                                                    const EncoderPrecision& precision,
                                                    const ModelOptions& options,
                                                    const ComputeOptions& compute,
                                                    Scheduler* scheduler, Metrics* metrics) {
  MINNOW_ASSIGN_OR_RETURN(
      std::unique_ptr<const ImageModel> model,
      ImageModel::Load(source, {.dtype = precision.dtype,
                                .tiny_vae = options.tiny_vae,
                                .loras = options.loras,
                                .memory_limit_bytes = compute.memory_limit_bytes,
                                .previews = true}));
  const DiffusionModel& parts = model->parts();
  ModelFacts facts;
  SetNames(options, model->model_id(), &facts);
  facts.task = TaskKind::kImage;
  facts.dtype = DtypeName(parts.dtype());
  facts.max_sequence_tokens = parts.text_encoder().config().positions;
  facts.prepare_threads = static_cast<size_t>(TokenizationThreads(compute));
  facts.loaded_unix_seconds = std::time(nullptr);
  ModelQueueOptions queue = ToQueueOptions(compute, /*for_indexes=*/false);
  queue.max_batch_items = 1;
  queue.one_at_a_time = true;
  // A picture takes a minute: whoever comes second waits for its end, not for some milliseconds.
  queue.admission.jobs = std::min(compute.max_concurrent_requests, ImageTask::kMaxWaiting + 1);
  queue.admission.wait = ImageTask::kMaxWait;
  queue.admission.memory_wait = ImageTask::kMaxMemoryWait;
  queue.mapped_bytes = source.packed() ? parts.weight_bytes() : 0;
  queue.yields = true;
  auto task = std::make_unique<const ImageTask>(model.get(), scheduler->memory());
  const ImageTask* const made = task.get();
  auto loaded = std::make_unique<ImageMaker>(std::move(facts), std::move(model), made,
                                             std::move(task), metrics);
  MINNOW_RETURN_IF_ERROR(loaded->Start(scheduler, queue));
  return std::unique_ptr<LoadedModel>(std::move(loaded));
}

}  // namespace minnow
