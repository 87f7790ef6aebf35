// SPDX-License-Identifier: Apache-2.0
// ImageJob: a request for pictures as a job for the engine, a step of it at a time.
//
// All pictures of a request are one item. Its steps are the parts of a Picture: the input, the
// prompts, each round of denoising, each picture's decoding; within them others have their turn
// (YieldingWorkspace), and a job that is cancelled stops.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_budget.h"
#include "engine/task.h"
#include "image/image.h"
#include "tasks/image/load.h"
#include "tasks/image/picture.h"

namespace minnow {

struct ImageProgress {
  size_t steps_done = 0;
  size_t steps = 0;    // in all, as they are counted in steps_done
  uint32_t width = 0;  // of the pictures
  uint32_t height = 0;
  std::optional<Image> preview;  // Picture::Preview
};

// What a caller takes for a request beside what its job does, in bytes.
struct CallerMemory {
  size_t adjusting = 0;  // at its highest until ImageJobRequest::adjust is done
  size_t kept = 0;       // from then on, until it lets go of ImageAnswer::memory
  size_t finishing = 0;  // besides, once it has the answer, beyond what every caller takes
};

struct ImageJobRequest {
  ImageRequest request;    // its image and mask come as files, or not at all
  std::string image_file;  // the bytes of a PNG, JPEG or WebP; empty: none
  std::string mask_file;   // likewise
  // What is painted anew: where the mask is transparent; without a mask, where the image is, if it
  // is anywhere. Else, where the mask is white.
  bool mask_is_transparency = false;
  // Of a request with a mask, instead of request.strength.
  std::optional<double> masked_strength;
  ImageRequestLimits limits;
  // Null, or called once the files are decoded, before the request is checked: it may give the
  // request other images; a mask comes with its alpha. Its errors name fields too.
  std::function<Status(ImageRequest&)> adjust;
  CallerMemory caller;
  // Reports that carry a preview, spread over the steps; SIZE_MAX: each of them.
  size_t previews = 0;
  // Null, or called on an engine thread as the work begins, with no step done, and after each step;
  // must be quick. The last step's report has no preview. Where it throws, the job ends with an
  // error.
  std::function<void(ImageProgress)> on_progress;
  Priority priority = Priority::kInteractive;
};

struct ImageTimings : JobTimings {
  std::chrono::nanoseconds a_step{0};  // of denoising, on the average, what ran between included
};

struct ImageAnswer {
  std::vector<Image> images;  // RGB
  ImageSettings settings;     // that were used, its image and mask without their pixels; its seeds
                              // are one for each picture
  size_t steps = 0;           // calls of the UNet
  size_t dropped_tokens = 0;  // of the prompt, for which the text encoder has no room
  size_t dropped_negative_tokens = 0;
  size_t memory_bytes = 0;  // planned: at its highest, beside the model
  ImageTimings timings;
  // Counted for the pictures, and for the files and bodies that are made of them: held as long as
  // these are.
  MemoryShare memory;
};

// What a request holds, in bytes.
struct ImageMemory {
  size_t waiting = 0;   // until its turn
  size_t running = 0;   // from then on at its highest, what waited included
  size_t answered = 0;  // from its last step until the answer is gone
};
// What pictures take once they are made, with the files and bodies that are made of them.
size_t AnswerBytes(size_t pixels);
// By the headers of its files: nothing is decoded yet, and what decoding and resizing take for a
// moment is held as if it waited. Files that cannot be read count nothing.
ImageMemory EstimateMemory(const ImageJobRequest& request);
// Once it is prepared.
ImageMemory EstimateMemory(const Picture& picture, const CallerMemory& caller);

class ImageTask;

class ImageJob : public Job {
 public:
  using Callback = std::function<void(Result<ImageAnswer>)>;

  // `done` is called once, on an engine thread; where it throws, it is let go of. `task` outlives
  // the job, and so does `load`, which may be null. Errors name the fields of ImageRequest.
  ImageJob(const ImageTask* task, ImageJobRequest request, Callback done,
           ImageLoad* load = nullptr);
  ~ImageJob() override;

  size_t expected_items() const override { return 1; }
  Cost expected_cost() const override { return cost_; }
  size_t item_bytes(size_t item) const override;
  Result<std::vector<uint32_t>> Prepare() override;
  void Done(Status status, const JobTimings& timings) override;

 private:
  friend class ImageTask;
  // What admission is told before anything is decoded.
  Cost GuessCost() const;
  // The pictures are there: what is made of them is counted before another one begins.
  void TakeAnswerMemory();
  void Begin();
  // The next part; nothing, and the reason in error_, where the job is to end. `stopping`: the
  // server is.
  void Advance(const std::function<void()>& yield, const std::atomic<bool>& stopping);
  // yield: as for Picture::Preview.
  void Report(const std::function<void()>* yield);
  bool wants_preview(size_t steps_done) const;
  // Nothing of it is held any more.
  void Leave();

  const ImageTask* const task_;
  ImageJobRequest request_;
  Callback done_;
  ImageLoad* const load_;
  Cost cost_;
  ImageMemory memory_;         // planned
  MemoryShare answer_memory_;  // once it is done
  std::unique_ptr<Picture> picture_;
  bool running_ = false;  // counted in load_
  std::chrono::nanoseconds steps_took_{0};
  std::optional<Error> error_;
};

// Runs ImageJobs, one at a time. Work is counted as Picture::next_work does, up to a limit.
class ImageTask : public Task {
 public:
  // Of a queue for it: how many requests may wait behind the one that runs. Each may take minutes,
  // so that it is their number that is bounded, and the time no further than a day.
  static constexpr size_t kMaxWaiting = 64;
  static constexpr std::chrono::hours kMaxWait{24};
  // How long memory that others hold is waited for before the newest one is refused.
  static constexpr std::chrono::minutes kMaxMemoryWait{1};

  // `model` outlives the task. Answers are counted in `memory`; null: there is no limit.
  explicit ImageTask(const ImageModel* model, std::shared_ptr<MemoryBudget> memory = nullptr)
      : model_(model), memory_(std::move(memory)) {}

  const ImageModel& model() const { return *model_; }
  // That of the workspace.
  ThreadPool* pool() const { return pool_; }
  // Ends the step that runs, and its job with kOverloaded. Any thread.
  void Stop() const { stopping_ = true; }

  size_t max_item_work() const override;
  size_t WorkspaceBytes(size_t max_work, size_t max_items, int threads) const override;
  std::unique_ptr<Workspace> NewWorkspace(size_t max_work, size_t max_items,
                                          ThreadPool* pool) const override;
  void Step(std::span<const BatchItem> items, Workspace& workspace,
            std::span<StepOutcome> outcomes) const override;

 private:
  const ImageModel* const model_;
  const std::shared_ptr<MemoryBudget> memory_;
  mutable ThreadPool* pool_ = nullptr;  // set before there are jobs
  mutable std::atomic<bool> stopping_{false};
};

}  // namespace minnow
