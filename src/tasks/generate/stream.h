// SPDX-License-Identifier: Apache-2.0
// GenerateStream: texts to what a model generates of them, many side by side, in order; memory does
// not grow with the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "tasks/generate/generate.h"

namespace minnow {

// Where a stream gets its texts.
class GenerateSource {
 public:
  virtual ~GenerateSource() = default;
  // The request, of one input, that the next text makes; nullopt at the end. An error ends the
  // stream after what came before it.
  virtual Result<std::optional<GenerateRequest>> Next() = 0;
  // False where Next would have to wait, or had better be called after the next step.
  virtual bool ready() const = 0;
  // Name of the text that Next gave last, for messages.
  virtual std::string Where() const = 0;
  // Called before each step; false: no more is wanted.
  virtual bool Continue() { return true; }
};

// One thread; `model` and `pool` outlive it.
class GenerateStream {
 public:
  // Takes what was generated of the next text. `waiting`: after it no more input is there yet, so
  // whoever writes it may wait for this. False: no more are wanted.
  using Take = std::function<bool(const GenerateAnswer& answer, bool waiting)>;

  // `side_by_side`: texts that share the steps. May throw std::bad_alloc.
  GenerateStream(const GenerateModel& model, ThreadPool* pool, size_t side_by_side);

  // Until the end of `source` or until `take` has enough. Fails with the error of a text after
  // giving what came before it; the message names it.
  Status Run(GenerateSource& source, const Take& take);

 private:
  struct Text {
    std::unique_ptr<GenerateJob> job;
    uint32_t work = 0;                             // of its next step; 0: it is done
    std::optional<Result<GenerateAnswer>> answer;  // once it is done
  };

  // False at the end.
  Result<bool> AddNext(GenerateSource& source);
  void Step();
  // Those at the front that are done.
  Status Give(const GenerateSource& source, const Take& take);

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
