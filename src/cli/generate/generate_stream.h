// SPDX-License-Identifier: Apache-2.0
// GenerateStream: texts to what a model generates of them, many side by side, in order; memory does
// not grow with the input.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "cli/text_input.h"
#include "tasks/generate/generate.h"

namespace minnow {

// One thread; `model` and `pool` outlive it.
class GenerateStream {
 public:
  // The request, of one input, that a text makes.
  using Read = std::function<Result<GenerateRequest>(std::string_view text)>;
  // Takes what was generated of the next text. `waiting`: after it no more input is there yet, so
  // whoever writes it may wait for this. False: no more are wanted.
  using Take = std::function<bool(const GenerateAnswer& answer, bool waiting)>;

  // `side_by_side`: texts that share the steps. May throw std::bad_alloc.
  GenerateStream(const GenerateModel& model, ThreadPool* pool, size_t side_by_side);

  // Until the end of `input` or until `take` has enough. Fails with the error of a text after
  // giving what came before it; the message names it.
  Status Run(TextInput& input, const Read& read, const Take& take);

 private:
  struct Text {
    std::unique_ptr<GenerateJob> job;
    uint32_t work = 0;                             // of its next step; 0: it is done
    std::optional<Result<GenerateAnswer>> answer;  // once it is done
  };

  // False at the end.
  Result<bool> AddNext(TextInput& input, const Read& read);
  void Step();
  // Those at the front that are done.
  Status Give(const TextInput& input, const Take& take);

  const GenerateModel& model_;
  const GenerateTask task_;
  const size_t side_by_side_;
  const std::unique_ptr<Task::Workspace> workspace_;
  std::deque<Text> texts_;  // places stay, as jobs answer into them
  std::vector<BatchItem> items_;
  std::vector<StepOutcome> outcomes_;
  bool wanted_ = true;
};

}  // namespace minnow
