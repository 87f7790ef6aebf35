// SPDX-License-Identifier: Apache-2.0
// Classify: texts, pairs of texts or token ids to the scores of a classifier's labels.
//
// A classifier's raw scores are the vector that its head gives, so a ClassifyJob is an EmbedJob
// that turns vectors into scores at its end, and EmbedTask runs both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/heads/classify.h"
#include "tasks/embed.h"
#include "tasks/text_model.h"

namespace minnow {

// Const after loading; may be used from any thread. Letter: N labels.
class ClassifyModel : public TextModel {
 public:
  // Fails as EncoderModel::Load and the tokenizer do, and with kUnsupported for a model without a
  // classifier's head.
  static Result<std::unique_ptr<ClassifyModel>> Load(const ModelSource& source,
                                                     const EncoderPrecision& precision);

  const std::vector<std::string>& labels() const { return labels_; }  // [N]
  // Raw scores to scores, in place; scores: [texts, N]. By the model's own function where
  // `function` is empty.
  void ApplyScores(std::span<float> scores, std::optional<ScoreFunction> function = {}) const;

 private:
  ClassifyModel(TextModel model, ClassifierSpec spec);

  std::vector<std::string> labels_;
  ScoreFunction function_;
};

// Whether it can put texts in order by how well they answer another: kUnsupported where it has not
// one label alone, or no tokenizer. `name`: what messages call it.
Status CheckReranker(const ClassifyModel& model, const std::string& name);

struct LabelScore {
  uint32_t label = 0;  // index of labels()
  float score = 0;
};

// The scores of one text, [N], best first, equal ones in label order; at most `top_k` of them, 0:
// all.
std::vector<LabelScore> BestFirst(std::span<const float> scores, size_t top_k);

struct ClassifyRequest {
  std::vector<EmbedInput> inputs;
  LengthPolicy length;
  bool raw_scores = false;                     // as the head gives them, not as probabilities
  std::optional<ScoreFunction> function = {};  // instead of the model's own
  std::string field = "inputs";                // what messages call the inputs
  size_t max_total_tokens = 0;                 // of the inputs together; 0: no such limit
  size_t inputs_per_item = 1;                  // made of one item of the field, for messages
  Priority priority = Priority::kInteractive;
};

struct ClassifyAnswer {
  std::vector<float> scores;               // [inputs, N], in label order
  std::vector<uint32_t> tokens;            // of each input
  std::vector<uint32_t> untruncated = {};  // tokens of each input before it was cut
  size_t truncated = 0;                    // inputs that were cut
  JobTimings timings;
};

class ClassifyJob : public EmbedJob {
 public:
  using Callback = std::function<void(Result<ClassifyAnswer>)>;

  // `done` is called once, on an engine thread; it must not throw. `model` outlives the job.
  ClassifyJob(const ClassifyModel* model, ClassifyRequest request, Callback done);

 private:
  ClassifyJob(const ClassifyModel* model, std::optional<ScoreFunction> function,
              ClassifyRequest&& request, Callback done);
};

}  // namespace minnow
