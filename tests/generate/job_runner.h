// SPDX-License-Identifier: Apache-2.0
// Runs generation jobs as the engine does, a step at a time and as the test likes it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "tasks/generate/generate.h"

namespace minnow {

class JobRunner {
 public:
  // A job, and what became of it.
  struct Running {
    std::shared_ptr<GenerateJob> job;
    std::vector<uint32_t> works;  // of each item's next step; 0: it is done
    std::optional<Result<GenerateAnswer>> answer;
  };

  explicit JobRunner(const GenerateModel* model, int threads = 2)
      : model_(model),
        task_(model),
        pool_(threads),
        workspace_(task_.NewWorkspace(task_.max_item_work(), kMaxItems, &pool_)) {}

  // Lives as long as this.
  Running* Add(GenerateRequest request) {
    Running* const running = running_.emplace_back(std::make_unique<Running>()).get();
    running->job = std::make_shared<GenerateJob>(
        model_, std::move(request),
        [running](Result<GenerateAnswer> answer) { running->answer = std::move(answer); });
    auto works = running->job->Prepare();
    if (works.ok()) running->works = *works;
    if (!works.ok() || works->empty())
      running->job->Done(Status(works.ok() ? Status() : works.error()), {});
    return running;
  }

  // A step of every item that is not done; false: there is none.
  bool Step() {
    std::vector<BatchItem> items;
    std::vector<uint32_t*> works;
    for (const auto& running : running_) {
      for (uint32_t i = 0; i < running->works.size(); ++i) {
        if (running->works[i] == 0) continue;
        items.push_back({running->job.get(), i, running->works[i]});
        works.push_back(&running->works[i]);
      }
    }
    if (items.empty()) return false;
    std::vector<StepOutcome> outcomes(items.size());
    task_.Step(items, *workspace_, outcomes);
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_LE(outcomes[i].next_work, task_.max_item_work());
      *works[i] = outcomes[i].next_work;
    }
    for (const auto& running : running_) {
      const bool done =
          std::ranges::all_of(running->works, [](uint32_t work) { return work == 0; });
      if (!done || running->answer) continue;
      running->job->Done({}, {});
    }
    return true;
  }
  void Drop(Running* running) {
    running->works.clear();
    running->job->Done(Error{Code::kDeadline, "the request was cancelled"}, {});
    running->job = nullptr;
  }
  void Finish() {
    while (Step()) {
    }
  }
  Result<GenerateAnswer> Run(GenerateRequest request) {
    Running* const running = Add(std::move(request));
    Finish();
    return *std::move(running->answer);
  }

 private:
  static constexpr size_t kMaxItems = 64;

  const GenerateModel* const model_;
  const GenerateTask task_;
  ThreadPool pool_;
  const std::unique_ptr<Task::Workspace> workspace_;
  std::vector<std::unique_ptr<Running>> running_;
};

}  // namespace minnow
