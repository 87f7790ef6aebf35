// SPDX-License-Identifier: Apache-2.0
// EmbedStream: texts to vectors in large batches, in order; memory does not grow with the input.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/result.h"
#include "base/thread_pool.h"
#include "cli/text_input.h"
#include "tasks/embedding_model.h"

namespace minnow {

// One thread; `model` and `pool` outlive it.
class EmbedStream {
 public:
  // Takes the vectors of the next texts, [texts, D], valid during the call. `waiting`: no more
  // input is there yet, so whoever writes it may wait for these. False: no more are wanted.
  using Take = std::function<bool(std::span<const float> vectors, bool waiting)>;

  // May throw std::bad_alloc.
  EmbedStream(const EmbeddingModel& model, Prompt prompt, ThreadPool* pool);

  // Until the end of `input` or until `take` has enough. Fails with kInvalidArgument for a text
  // that cannot be read or tokenized, after giving what came before it; the message names it.
  Status Run(TextInput& input, bool normalize, const Take& take);

  size_t tokens() const { return tokens_; }
  size_t truncated() const { return truncated_; }  // texts that were cut
  size_t longest() const { return longest_; }      // tokens of the longest of them, uncut

 private:
  Result<bool> AddNext(TextInput& input, bool normalize, const Take& take);

  const EmbeddingModel& model_;
  const Prompt prompt_;  // before each text
  EmbeddingBatch batch_;
  size_t tokens_ = 0;
  size_t truncated_ = 0;
  size_t longest_ = 0;
};

}  // namespace minnow
