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
#include "tasks/text_model.h"

namespace minnow {

// Two texts that the model reads as one.
struct TextPair {
  std::string first;
  std::string second;
};

using EmbedInput = std::variant<std::string, std::vector<TokenId>, TextPair>;

struct EmbedRequest {
  std::vector<EmbedInput> inputs;
  PromptChoice prompt;  // of texts; token ids have theirs in them
  LengthPolicy length;
  bool normalize = true;
  bool all_tokens = false;  // the hidden states of all tokens, as they are, instead of one vector
  // Token ids without the model's special tokens are taken too.
  bool foreign_ids = true;
  // What messages call the inputs: "inputs" gives "inputs[3]: 600 tokens, limit 512".
  std::string field = "inputs";
  std::string last_field = {};  // what they call the last input, where it has a name of its own
  // The inputs together may not have more tokens than this; 0: no such limit.
  size_t max_total_tokens = 0;
  // Inputs that were made of one item of the field, for messages: input 7 of 3 an item is of
  // item 2.
  size_t inputs_per_item = 1;
  Priority priority = Priority::kInteractive;
};

// The vectors of a request, and what it cost.
struct EmbedAnswer {
  // [inputs, D]; of a model that gives a vector for each token [sum of tokens, D]; of all tokens'
  // hidden states [sum of tokens, C].
  std::vector<float> vectors;
  std::vector<uint32_t> tokens;            // of each input
  std::vector<uint32_t> untruncated = {};  // tokens of each input before it was cut
  size_t truncated = 0;                    // inputs that were cut
  JobTimings timings;
};

// The first `dimensions` numbers of a vector, of length 1 where `normalize`. from: [dimensions or
// more]; to: [dimensions], which may be the same memory or memory before it.
void CutVector(const float* from, size_t dimensions, bool normalize, float* to);

class EmbedJob : public Job {
 public:
  using Callback = std::function<void(Result<EmbedAnswer>)>;

  // `done` is called once, on an engine thread; where it throws, it is let go of. `model` outlives
  // the job.
  EmbedJob(const TextModel* model, EmbedRequest request, Callback done);

  size_t expected_items() const override {
    return texts_.empty() ? request_.inputs.size() : texts_.size();
  }
  Cost expected_cost() const override { return cost_; }
  Result<std::vector<uint32_t>> Prepare() override;
  void Done(Status status, const JobTimings& timings) override;

 protected:
  // For jobs that keep something else than vectors: what the model gives for a text goes to Take.
  struct WithoutVectors {};
  EmbedJob(const TextModel* model, EmbedRequest request, Callback done, WithoutVectors);
  const TextModel& model() const { return *model_; }
  EmbedRequest& request() { return request_; }
  const EmbedRequest& request() const { return request_; }
  // What messages call an input.
  std::string NameOf(size_t input) const;
  // For Prepare: one more item, and after the last of them what Prepare gives. `more_bytes`: what
  // the job holds besides.
  void AddItem(TokenizedText text);
  std::vector<uint32_t> FinishItems(size_t more_bytes = 0);
  // For constructors of jobs that read more of an input than one text's worth: what admission
  // expects. No tokenizer is asked.
  static size_t GuessTokens(const EmbedInput& input);
  void ExpectTokens(size_t tokens);
  // Once for each text, in their order, while the job is prepared.
  virtual Status Accept(const TokenizedText&) { return {}; }
  // In a step: the model's answer for an item, whose size is that of its place. `masks` is null
  // where the model fills none; what is added to it is done before the step ends.
  virtual void Take(size_t item, const float* values, MaskScorer* masks);

 private:
  friend class EmbedTask;
  EmbedJob(const TextModel* model, EmbedRequest&& request, Callback&& done, bool keeps_vectors);
  // What the job holds once it is prepared, of that many items.
  size_t HeldBytes(size_t items, size_t tokens) const;
  // Numbers in the vector of a text, or of a token where each has one.
  size_t row_size() const;
  bool row_a_token() const { return request_.all_tokens || model_->per_token(); }
  TextBatch::Output output() const;
  // Where the vectors of an item go.
  std::span<float> PlaceOf(size_t item);
  // Numbers that the model gives for an item.
  size_t SizeOf(size_t item) const;

  const TextModel* const model_;
  EmbedRequest request_;
  Callback done_;
  const bool keeps_vectors_;
  Cost cost_;
  std::vector<TokenizedText> texts_;
  std::vector<size_t> first_rows_{0};  // [items + 1]: where each item's vectors begin
  EmbedAnswer answer_;
};

// Runs batches of EmbedJob items, each in one step; work is counted in tokens.
class EmbedTask : public Task {
 public:
  // `model` outlives the task.
  explicit EmbedTask(const TextModel* model) : model_(model) {}

  size_t max_item_work() const override { return model_->max_tokens(); }
  size_t WorkspaceBytes(size_t max_tokens, size_t max_items, int threads) const override;
  std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_items,
                                          ThreadPool* pool) const override;
  void Step(std::span<const BatchItem> items, Workspace& workspace,
            std::span<StepOutcome> outcomes) const override;

 private:
  const TextModel* const model_;
};

}  // namespace minnow
