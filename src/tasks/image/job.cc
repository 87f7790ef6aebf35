// SPDX-License-Identifier: Apache-2.0
#include "tasks/image/job.h"

#include <algorithm>
#include <utility>

#include "tasks/image/input_files.h"

namespace minnow {
namespace {

// The most that a part counts as.
constexpr size_t kMostWork = 8192;

uint32_t CountedWork(size_t work) { return static_cast<uint32_t>(std::min(work, kMostWork)); }

struct ImageWorkspace : YieldingWorkspace {};

}  // namespace

ImageJob::ImageJob(const ImageTask* task, ImageJobRequest request, Callback done, ImageLoad* load)
    : task_(task), request_(std::move(request)), done_(std::move(done)), load_(load) {
  priority = request_.priority;
  cost_ = GuessCost();
}

ImageJob::~ImageJob() { Leave(); }

Cost ImageJob::GuessCost() const {
  const ImageRequest& request = request_.request;
  Cost cost;
  cost.bytes = EstimateMemory(request_).waiting;
  // Of a picture as small as any: nobody is refused by a guess.
  cost.work = static_cast<size_t>(std::clamp<int64_t>(request.steps, 1, kMostWork));
  return cost;
}

Result<std::vector<uint32_t>> ImageJob::Prepare() {
  MINNOW_RETURN_IF_ERROR(ReadInputFiles(request_));
  ImageRequest& request = request_.request;
  if (request.mask && request_.masked_strength) request.strength = *request_.masked_strength;
  MINNOW_ASSIGN_OR_RETURN(ImageSettings settings,
                          CheckImageRequest(task_->model(), std::move(request), request_.limits));
  request = {};
  SpreadSeeds(settings);
  MINNOW_ASSIGN_OR_RETURN(
      picture_, Picture::Make(task_->model(), std::move(settings), task_->pool(), cancel_flag(),
                              /*previews=*/request_.previews > 0));
  memory_ = EstimateMemory(*picture_, request_.caller);
  cost_ = {};
  cost_.bytes = memory_.waiting;
  cost_.item_bytes = item_bytes(0);
  cost_.work = std::max<size_t>(picture_->total_work(), 1);
  return std::vector<uint32_t>{CountedWork(picture_->next_work())};
}

size_t ImageJob::item_bytes(size_t) const { return memory_.running - memory_.waiting; }

void ImageJob::Begin() {
  running_ = true;
  if (load_ != nullptr) {
    load_->running.fetch_add(1, std::memory_order_relaxed);
    load_->planned_bytes.fetch_add(memory_.running, std::memory_order_relaxed);
  }
  Report(nullptr);
}

bool ImageJob::wants_preview(size_t steps_done) const {
  const size_t steps = picture_->steps(), parts = std::min(request_.previews, steps) + 1;
  if (steps_done == 0 || steps_done >= steps) return false;
  return steps_done * parts / steps > (steps_done - 1) * parts / steps;
}

void ImageJob::Report(const std::function<void()>* yield) {
  if (!request_.on_progress) return;
  ImageProgress progress = {.steps_done = picture_->steps_done(),
                            .steps = picture_->steps(),
                            .width = picture_->settings().width,
                            .height = picture_->settings().height,
                            .preview = std::nullopt};
  if (wants_preview(progress.steps_done)) progress.preview = picture_->Preview(yield);
  request_.on_progress(std::move(progress));
}

void ImageJob::Advance(const std::function<void()>& yield, const std::atomic<bool>& stopping) {
  const std::function<void()> between = [&] {
    if (stopping.load(std::memory_order_relaxed) || deadline <= Clock::now()) Cancel();
    if (yield) yield();
  };
  const size_t steps_done = picture_->steps_done();
  const Clock::time_point begin = Clock::now();
  const Status status = picture_->Advance(&between);
  if (stopping) {
    error_ = Error{Code::kOverloaded, "shutting down"};
  } else if (!status.ok()) {
    error_ = status.error();
  }
  if (error_ || picture_->steps_done() == steps_done) return;
  steps_took_ += Clock::now() - begin;
  if (load_ != nullptr)
    load_->steps.fetch_add(picture_->steps_done() - steps_done, std::memory_order_relaxed);
  Report(&between);
}

void ImageJob::TakeAnswerMemory() { answer_memory_.TakeAnyway(memory_.answered); }

void ImageJob::Leave() {
  picture_ = nullptr;
  if (!std::exchange(running_, false) || load_ == nullptr) return;
  load_->running.fetch_sub(1, std::memory_order_relaxed);
  load_->planned_bytes.fetch_sub(memory_.running, std::memory_order_relaxed);
}

void ImageJob::Done(Status status, const JobTimings& timings) {
  const Callback done = std::move(done_);
  request_.on_progress = nullptr;
  if (status.ok() && error_) status = *error_;
  if (!status.ok()) {
    Leave();
    done(std::move(status).error());
    return;
  }
  ImageAnswer answer;
  answer.images = picture_->TakeImages();
  answer.settings = picture_->settings();
  for (auto* input : {&answer.settings.image, &answer.settings.mask}) {
    if (*input) (*input)->pixels = {};
  }
  answer.steps = picture_->steps();
  answer.dropped_tokens = picture_->dropped_tokens();
  answer.dropped_negative_tokens = picture_->dropped_negative_tokens();
  answer.memory_bytes = memory_.running;
  answer.memory = std::move(answer_memory_);
  static_cast<JobTimings&>(answer.timings) = timings;
  answer.timings.a_step = steps_took_ / std::max<size_t>(answer.steps, 1);
  Leave();
  done(std::move(answer));
}

size_t ImageTask::max_item_work() const { return kMostWork; }

// Pictures bring their memory (Job::item_bytes).
size_t ImageTask::WorkspaceBytes(size_t, size_t, int) const { return 0; }

std::unique_ptr<Task::Workspace> ImageTask::NewWorkspace(size_t, size_t, ThreadPool* pool) const {
  pool_ = pool;
  return std::make_unique<ImageWorkspace>();
}

void ImageTask::Step(std::span<const BatchItem> items, Workspace& workspace,
                     std::span<StepOutcome> outcomes) const {
  const auto& yield = static_cast<const ImageWorkspace&>(workspace).yield;
  for (size_t i = 0; i < items.size(); ++i) {
    auto& job = *static_cast<ImageJob*>(items[i].job);
    try {
      if (!job.running_) job.Begin();
      job.Advance(yield, stopping_);
    } catch (const std::bad_alloc&) {
      job.error_ = Error{Code::kOverloaded, "out of memory"};
    } catch (const std::exception& error) {
      job.error_ = Error{Code::kInternal, std::string("progress: ") + error.what()};
    }
    const bool done = job.error_ || job.picture_->done();
    if (done && !job.error_) {
      job.answer_memory_ = MemoryShare(memory_);
      job.TakeAnswerMemory();
    }
    outcomes[i].next_work = done ? 0 : CountedWork(job.picture_->next_work());
  }
}

}  // namespace minnow
