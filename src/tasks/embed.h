// SPDX-License-Identifier: Apache-2.0
// Embed: texts or token ids to vectors, as jobs for the engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "engine/task.h"
#include "tasks/embedding_model.h"

namespace minnow {

using EmbedInput = std::variant<std::string, std::vector<TokenId>>;

struct EmbedRequest {
  std::vector<EmbedInput> inputs;
  PromptChoice prompt;  // of texts; token ids have theirs in them
  LengthPolicy length;
  bool normalize = true;
  // Token ids without the model's special tokens are taken too.
  bool foreign_ids = true;
  // What messages call the inputs: "inputs" gives "inputs[3]: 600 tokens, limit 512".
  std::string field = "inputs";
  std::string last_field = {};  // what they call the last input, where it has a name of its own
  // The inputs together may not have more tokens than this; 0: no such limit.
  size_t max_total_tokens = 0;
  Priority priority = Priority::kInteractive;
};

// The vectors of a request, and what it cost.
struct EmbedAnswer {
  std::vector<float> vectors;    // [inputs, D]
  std::vector<uint32_t> tokens;  // of each input
  size_t truncated = 0;          // inputs that were cut
  JobTimings timings;
};

class EmbedJob : public Job {
 public:
  using Callback = std::function<void(Result<EmbedAnswer>)>;

  // `done` is called once, on an engine thread; it must not throw. `model` outlives the job.
  EmbedJob(const EmbeddingModel* model, EmbedRequest request, Callback done);

  size_t expected_items() const override { return request_.inputs.size(); }
  size_t expected_tokens() const override { return expected_tokens_; }
  Result<std::vector<uint32_t>> Prepare() override;
  void Done(Status status, const JobTimings& timings) override;

 private:
  friend class EmbedTask;
  const EmbeddingModel* const model_;
  EmbedRequest request_;
  Callback done_;
  size_t expected_tokens_ = 0;
  std::vector<TokenizedText> texts_;
  EmbedAnswer answer_;
};

// Runs batches of EmbedJob items.
class EmbedTask : public Task {
 public:
  // `model` outlives the task.
  explicit EmbedTask(const EmbeddingModel* model) : model_(model) {}

  size_t max_item_tokens() const override { return model_->max_tokens(); }
  std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_items,
                                          ThreadPool* pool) const override;
  void Run(std::span<const BatchItem> batch, Workspace& workspace) const override;

 private:
  const EmbeddingModel* const model_;
};

}  // namespace minnow
