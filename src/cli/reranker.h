// SPDX-License-Identifier: Apache-2.0
// Reranker: pairs of texts to how well the second answers the first, for commands.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "tasks/classify.h"

namespace minnow {

// One thread.
class Reranker {
 public:
  // Fails as ClassifyModel::Load and CheckReranker do.
  static Result<std::unique_ptr<Reranker>> Load(const std::string& model, const std::string& dtype);

  // What the head gives for each of the pairs, [pairs]; a pair above the model's limit is cut.
  // REQUIRES: every input is a TextPair.
  Result<std::vector<float>> Score(std::span<const EmbedInput> pairs);

 private:
  explicit Reranker(std::unique_ptr<ClassifyModel> model);

  const std::unique_ptr<ClassifyModel> model_;
  ThreadPool pool_;
  TextBatch batch_;
};

}  // namespace minnow
