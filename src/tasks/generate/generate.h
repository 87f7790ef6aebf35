// SPDX-License-Identifier: Apache-2.0
// Generate: texts or token ids to the texts that a model with an encoder and a decoder makes of
// them, as jobs for the engine.
//
// An item is one input: its first step encodes it, each further one advances all of its beams or
// sequences by a token. Rows of many requests share a step.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/task.h"
#include "generation/search.h"
#include "generation/settings.h"
#include "tasks/generate/load.h"
#include "tasks/generate/model.h"
#include "text/tokenizer.h"

namespace minnow {

// Token ids are taken as they are: nothing is put before or after them.
using GenerateInput = std::variant<std::string, std::vector<TokenId>>;

// What becomes of an input with more tokens than the model reads.
enum class InputTruncation { kRefuse, kKeepBeginning, kKeepEnd };

// A token that could have come at some place, with its log probability by the raw logits.
struct TokenLogprob {
  TokenId id = 0;
  float logprob = 0;
};

// What a step added to a text that is streamed. `text` holds back what later tokens may still
// change, and what may become a stop string: the pieces of all steps joined are the text of the
// answer.
struct GeneratedPiece {
  std::vector<TokenId> ids;     // new since the last piece: one; of what was held back, none
  std::vector<float> logprobs;  // of `ids`, where they are wanted
  std::vector<std::vector<TokenLogprob>> top_logprobs;  // likewise
  std::string text;
  bool last = false;  // the text ends with it
};

struct GenerateRequest {
  // Of these limits too, messages name the field.
  static constexpr size_t kMaxStopStrings = 16;
  static constexpr size_t kMaxStopBytes = 256;  // of one stop string
  static constexpr size_t kMaxTopLogprobs = 20;

  std::vector<GenerateInput> inputs;
  // What the request says; what it does not say is the task's, then the model's, then
  // limits.default_max_new_tokens and the like.
  GenerationOptions options;
  GenerationLimits limits;
  // A name in GenerateModel::tasks(): its prefix comes before each text, and its options count
  // after the request's. Empty: none.
  std::string task;
  // A text ends where any of these first stands in it.
  std::vector<std::string> stop;
  bool keep_stop = false;  // the stop string is the end of the text, not cut from it
  InputTruncation truncation = InputTruncation::kRefuse;
  size_t max_input_tokens = 0;  // 0: what the model reads; never more. The end token counts
  // Leave out of the text what the tokenizer calls special, sentinels too. Padding, the ends and
  // the start token are left out in any case.
  bool skip_special_tokens = false;
  // Leave out spaces that no one writes ("it is n't so ." becomes "it isn't so."), as transformers
  // does with clean_up_tokenization_spaces. Not of a text that is streamed.
  bool clean_up_spaces = false;
  bool logprobs = false;    // of each new token; beams have them in any case
  size_t top_logprobs = 0;  // of each new token the best so many; not of beams
  // What messages call the inputs: "inputs" gives "inputs[3]: 600 tokens, limit 512".
  std::string field = "inputs";
  std::string last_field = {};  // what they call the last input, where it has a name of its own
  Priority priority = Priority::kInteractive;
  // Not null: called with each piece, in order, on an engine thread; it must be quick, and where it
  // throws, the job ends with an error. Needs one input and one sequence, and no beams.
  std::function<void(GeneratedPiece)> on_piece;
};

// Where neither the caller nor the model says how long a text may get: of the command line and of
// Python.
inline constexpr int32_t kDefaultNewTokens = 256;

// What a request's texts are made by, in the end. All that is wrong with it but its inputs is told:
// kInvalidArgument, naming the field and the limit. Quick.
Result<GenerationSettings> ResolveRequest(const GenerateModel& model,
                                          const GenerateRequest& request);

struct GeneratedText {
  std::string text;             // empty where the model has no tokenizer
  std::vector<TokenId> ids;     // the start token first, the end token last if it came to it
  std::vector<float> logprobs;  // of each id but the start: of beams, or where they were wanted
  std::vector<std::vector<TokenLogprob>> top_logprobs;  // likewise, best first, where wanted
  float score = 0;  // of beams: how they were ordered; else the sum of logprobs
  FinishReason finish_reason = FinishReason::kLength;

  size_t new_tokens() const { return ids.size() - 1; }
};

// Of one input.
struct GeneratedTexts {
  std::vector<TokenId> input_ids;  // as the encoder read them
  size_t untruncated_tokens = 0;   // of the input before it was cut
  std::vector<GeneratedText>
      sequences;  // num_return_sequences, the best first; of beams maybe fewer
};

struct GenerateTimings : JobTimings {
  std::chrono::nanoseconds first_token{0};  // from the request's arrival
  std::chrono::nanoseconds a_token{0};      // each step after the first, of the longest text
};

struct GenerateAnswer {
  std::vector<GeneratedTexts> inputs;
  GenerationSettings settings;  // that were used
  size_t input_tokens = 0;      // of all inputs
  size_t generated_tokens = 0;  // of all sequences, end tokens among them
  GenerateTimings timings;
};

class GenerateItem;

class GenerateJob : public Job {
 public:
  using Callback = std::function<void(Result<GenerateAnswer>)>;

  // `done` is called once, on an engine thread; where it throws, it is let go of. `model` outlives
  // the job, and so does `load`, which may be null.
  GenerateJob(const GenerateModel* model, GenerateRequest request, Callback done,
              GenerateLoad* load = nullptr);
  ~GenerateJob() override;

  size_t expected_items() const override { return request_.inputs.size(); }
  Cost expected_cost() const override { return cost_; }
  size_t item_bytes(size_t item) const override;
  Result<std::vector<uint32_t>> Prepare() override;
  void Done(Status status, const JobTimings& timings) override;

 private:
  friend class GenerateTask;
  // What admission is told before anything is tokenized.
  Cost GuessCost() const;
  Result<std::unique_ptr<GenerateItem>> NewItem(const GenerateInput& input,
                                                const std::string& prefix) const;
  // Nothing of it is wanted any more.
  void Fail(Error error);

  const GenerateModel* const model_;
  GenerateRequest request_;
  Callback done_;
  GenerateLoad* const load_;
  const Clock::time_point arrived_ = Clock::now();
  Cost cost_;
  GenerationSettings settings_;
  std::vector<std::unique_ptr<GenerateItem>> items_;
  std::optional<Error> error_;  // of an item
};

// Runs batches of GenerateJob items. Work is counted in tokens that are encoded; a row of a
// decoder's step is kRowWork of them.
class GenerateTask : public Task {
 public:
  static constexpr uint32_t kRowWork = 4;

  // Of a queue for it: many more would only make each wait longer.
  static constexpr size_t kMaxBatchItems = 64;

  // `model` outlives the task.
  explicit GenerateTask(const GenerateModel* model) : model_(model) {}

  size_t max_item_work() const override;
  size_t WorkspaceBytes(size_t max_work, size_t max_items, int threads) const override;
  std::unique_ptr<Workspace> NewWorkspace(size_t max_work, size_t max_items,
                                          ThreadPool* pool) const override;
  void Step(std::span<const BatchItem> items, Workspace& workspace,
            std::span<StepOutcome> outcomes) const override;

 private:
  const GenerateModel* const model_;
};

}  // namespace minnow
