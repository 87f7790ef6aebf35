// SPDX-License-Identifier: Apache-2.0
// ImageJob: a request for pictures as a job for the engine, a step of it at a time.
//
// All pictures of a request are one item. Its steps are the parts of a Picture: the input, the
// prompts, each round of denoising, each picture's decoding; within them others have their turn
// (YieldingWorkspace), and a job that is cancelled stops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/task.h"
#include "image/image.h"
#include "tasks/image/load.h"
#include "tasks/image/picture.h"

namespace minnow {

struct ImageProgress {
  size_t steps_done = 0;
  size_t steps = 0;              // in all, as they are counted in steps_done
  std::optional<Image> preview;  // of the first picture, a pixel for each of its latents
};

struct ImageJobRequest {
  ImageRequest request;    // its image and mask come as files, or not at all
  std::string image_file;  // the bytes of a PNG, JPEG or WebP; empty: none
  std::string mask_file;   // likewise
  // What is painted anew: where the mask is transparent; without a mask, where the image is, if it
  // is anywhere. Else, where the mask is white.
  bool mask_is_transparency = false;
  ImageRequestLimits limits;
  // Null, or called once the files are decoded, before the request is checked: it may give the
  // request other images. Its errors name fields too.
  std::function<Status(ImageRequest&)> adjust;
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
};

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
  Status ReadFiles();
  Result<ImageSettings> Resolve();
  // What admission is told before anything is decoded.
  Cost GuessCost() const;
  Cost KnownCost() const;
  // The next part. Returns the work of the one after it, 0: none.
  uint32_t Advance(const std::function<void()>& yield);
  uint32_t NextWork() const;
  void Report();
  bool wants_preview() const;
  void Leave();

  const ImageTask* const task_;
  ImageJobRequest request_;
  Callback done_;
  ImageLoad* const load_;
  Cost cost_;
  size_t held_bytes_ = 0;  // of cost_.bytes, what the picture's plan counts too
  std::unique_ptr<Picture> picture_;
  bool running_ = false;  // counted in load_
  Clock::time_point steps_began_{};
  std::chrono::nanoseconds steps_took_{0};
  std::optional<Error> error_;
};

// Runs ImageJobs, one at a time. Work is about proportional to arithmetic: kUNetWork for each
// 65,536 pixels that the UNet sees once.
class ImageTask : public Task {
 public:
  // Of a queue for it.
  static constexpr size_t kMaxBatchItems = 1;
  static constexpr size_t kMaxWaiting = 64;

  // `model` outlives the task.
  explicit ImageTask(const ImageModel* model) : model_(model) {}

  const ImageModel& model() const { return *model_; }
  // That of the workspace.
  ThreadPool* pool() const { return pool_; }

  size_t max_item_work() const override;
  size_t WorkspaceBytes(size_t max_work, size_t max_items, int threads) const override;
  std::unique_ptr<Workspace> NewWorkspace(size_t max_work, size_t max_items,
                                          ThreadPool* pool) const override;
  void Step(std::span<const BatchItem> items, Workspace& workspace,
            std::span<StepOutcome> outcomes) const override;

 private:
  const ImageModel* const model_;
  mutable ThreadPool* pool_ = nullptr;  // set before there are jobs
};

}  // namespace minnow
