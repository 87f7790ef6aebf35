// SPDX-License-Identifier: Apache-2.0
// TokenStream: texts to the scores of a head over each token, in large batches, in order; memory
// does not grow with the input.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "cli/text_input.h"
#include "tasks/token_scores.h"

namespace minnow {

// One thread; `model` and `pool` outlive it.
class TokenStream {
 public:
  // The request, of one input, that a text makes.
  using Read = std::function<Result<TokenScoresRequest>(std::string_view text)>;
  // Takes the next text's scores. `waiting`: after it no more input is there yet, so whoever writes
  // it may wait for this. False: no more are wanted.
  using Take = std::function<bool(const TokenScoresAnswer& answer, bool waiting)>;

  // May throw std::bad_alloc.
  TokenStream(const TokenHeadModel& model, ThreadPool* pool);

  // Until the end of `input` or until `take` has enough. Fails with kInvalidArgument for a text
  // that cannot be read or tokenized, after giving what came before it; the message names it.
  Status Run(TextInput& input, const Read& read, const Take& take);

  size_t truncated() const { return truncated_; }  // texts that were cut
  size_t longest() const { return longest_; }      // tokens of the longest of them, uncut

 private:
  struct Waiting {
    std::unique_ptr<TokenScoresJob> job;
    std::unique_ptr<Result<TokenScoresAnswer>> answer;  // of the job, once it is done
  };

  // False at the end.
  Result<bool> AddNext(TextInput& input, const Read& read);
  // Runs what waits.
  Status Finish(bool waiting, const Take& take);
  void Step(std::vector<BatchItem>& items);

  const TokenHeadModel& model_;
  const EmbedTask task_;
  const size_t batch_tokens_;
  const std::unique_ptr<Task::Workspace> workspace_;
  std::vector<Waiting> waiting_;
  std::vector<BatchItem> items_;  // of those
  size_t waiting_tokens_ = 0;
  bool wanted_ = true;
  size_t truncated_ = 0;
  size_t longest_ = 0;
};

}  // namespace minnow
