// SPDX-License-Identifier: Apache-2.0
// TokenScores: texts, or pairs of texts, to what a head over each token gives: the scores of a
// token classifier's labels, or of an answer's first and last token. What they say is read of them
// by entities.h and answers.h.
//
// A TokenScoresJob is an EmbedJob whose items are windows of the texts; EmbedTask runs both.
// Letter: N numbers that the head gives for a token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/heads/token_head.h"
#include "tasks/embed.h"
#include "tasks/text_model.h"

namespace minnow {

// Const after loading; may be used from any thread.
class TokenHeadModel : public TextModel {
 public:
  // Fails as EncoderModel::Load and the tokenizer do, and with kUnsupported for a model that is not
  // of that kind. REQUIRES: IsPerToken(kind).
  static Result<std::unique_ptr<TokenHeadModel>> Load(const ModelSource& source, ModelKind kind,
                                                      const EncoderPrecision& precision);

  const std::vector<std::string>& labels() const { return labels_; }  // [N], of a token classifier

 private:
  TokenHeadModel(TextModel model, std::vector<std::string> labels)
      : TextModel(std::move(model)), labels_(std::move(labels)) {}

  std::vector<std::string> labels_;
};

struct TokenScoresRequest {
  std::vector<EmbedInput> inputs;
  LengthPolicy length;
  // Texts are read in windows that share so many tokens; of a pair, the second text is. nullopt:
  // one window, and the rest of a long text is left out.
  std::optional<size_t> stride = {};
  size_t max_window_tokens = 0;  // 0: what the model reads; never more
  std::string field = "inputs";  // what messages call the inputs
  std::string last_field = {};   // what they call the last input, where it has a name of its own
  Priority priority = Priority::kInteractive;
};

struct ScoredText {
  std::string text;               // well-formed UTF-8; of a pair, the second one
  std::vector<Encoding> windows;  // with offsets, but of token ids
  size_t first_row = 0;           // of the scores: windows' tokens are rows one after the other
  uint32_t untruncated = 0;       // tokens of the whole input, special ones too
  uint32_t read = 0;              // of these, those that stand in some window
};

struct TokenScoresAnswer {
  std::vector<float> scores;      // [rows, N], as the head gives them
  std::vector<ScoredText> texts;  // of each input
  std::vector<uint32_t> tokens;   // of all windows of each input together
  size_t truncated = 0;           // inputs of which something was not read
  JobTimings timings;
};

class TokenScoresJob : public EmbedJob {
 public:
  using Callback = std::function<void(Result<TokenScoresAnswer>)>;
  // Of all windows of an input, where the rest is left out; and of a request, which is an error.
  static constexpr size_t kMaxInputTokens = size_t{1} << 17;
  static constexpr size_t kMaxRequestTokens = size_t{1} << 20;
  static constexpr size_t kMaxRequestScores = size_t{1} << 24;

  // `done` is called once, on an engine thread; it must not throw. `model` outlives the job.
  TokenScoresJob(const TokenHeadModel* model, TokenScoresRequest request, Callback done);

  Result<std::vector<uint32_t>> Prepare() override;

 private:
  size_t GuessWindowTokens(const EmbedInput& input) const;
  Result<ScoredText> Read(EmbedInput& input) const;
  Result<std::vector<Encoding>> Windows(const EmbedInput& input) const;
  void Finish(Result<EmbedAnswer> vectors, const Callback& done);

  const std::optional<size_t> stride_;
  const size_t window_tokens_;
  TokenScoresAnswer answer_;
};

}  // namespace minnow
