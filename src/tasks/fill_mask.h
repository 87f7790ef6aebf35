// SPDX-License-Identifier: Apache-2.0
// Fill-mask: texts with masks to the tokens that most likely stand there, as transformers'
// FillMaskPipeline gives them.
// https://github.com/huggingface/transformers/blob/v4.57.0/src/transformers/pipelines/fill_mask.py
//
// The masks' tokens are told within the forward step, of the hidden states that embedding gives
// too, so a FillMaskJob is an EmbedJob, and EmbedTask runs both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/masks/mask_head.h"
#include "tasks/embed.h"
#include "tasks/text_model.h"

namespace minnow {

inline constexpr size_t kDefaultFillings = 5;
inline constexpr size_t kMaxTargets = 10'000;

// "<mask>" or "[MASK]", whichever the tokenizer has; nullopt: neither.
std::optional<TokenId> FindMaskToken(const Tokenizer& tokenizer);
// Fails with kUnsupported and the reason for a model that fills no masks.
Status CheckFillsMasks(const TextModel& model);

// What is asked of each mask.
struct MaskChoice {
  TokenId mask = 0;
  size_t top_k = kDefaultFillings;
  std::vector<int32_t> targets;  // each once; empty: all tokens
};
// `targets`: texts, each of which stands for its first token; none: all tokens. Those of which the
// model has no token are left out. Fails with kInvalidArgument where none is left. REQUIRES:
// CheckFillsMasks.
Result<MaskChoice> MakeMaskChoice(const TextModel& model, size_t top_k,
                                  const std::vector<std::string>& targets);

// A text and what stands for its masks.
struct FilledText {
  std::vector<TokenId> ids;       // masks not filled
  std::vector<uint32_t> masks;    // their places in ids, at least one
  std::vector<Filling> fillings;  // [masks, per_mask()], best first
  TokenId padding = 0;            // no part of a text
  size_t per_mask() const { return fillings.size() / masks.size(); }
  size_t bytes() const;
};
// The masks of a text, with room for their tokens. Fails with kInvalidArgument where it has none,
// or where the answer would be longer than a request may ask for.
Result<FilledText> FindMasks(const TextModel& model, const MaskChoice& choice,
                             const TokenizedText& text);
// Adds all masks of the text to the scorer; hidden: [tokens, C]. `choice` and `text` stay until it
// is flushed.
void AddMasks(const TextModel& model, const MaskChoice& choice, const float* hidden,
              FilledText& text, MaskScorer& scorer);
bool AllFinite(const FilledText& text);

// The text with one mask filled, decoded: without special tokens, but where there are more masks.
std::string FillMask(const Tokenizer& tokenizer, const FilledText& text, size_t mask,
                     TokenId token);

struct FillMaskRequest {
  std::vector<EmbedInput> inputs;  // texts
  LengthPolicy length;
  size_t top_k = kDefaultFillings;
  std::vector<std::string> targets;
  std::string field = "inputs";  // what messages call the inputs
  Priority priority = Priority::kInteractive;
};

struct FillMaskAnswer {
  std::vector<FilledText> texts;           // of each input
  std::vector<uint32_t> tokens;            // likewise
  std::vector<uint32_t> untruncated = {};  // tokens of each input before it was cut
  size_t truncated = 0;                    // inputs that were cut
  JobTimings timings;
};

class FillMaskJob : public EmbedJob {
 public:
  using Callback = std::function<void(Result<FillMaskAnswer>)>;

  // `done` is called once, on an engine thread; it must not throw. `model` outlives the job and
  // fills masks.
  FillMaskJob(const TextModel* model, FillMaskRequest request, Callback done);

  Cost expected_cost() const override;
  Result<std::vector<uint32_t>> Prepare() override;

 protected:
  Status Accept(const TokenizedText& text) override;
  void Take(size_t item, const float* values, MaskScorer* masks) override;

 private:
  void Finish(Result<EmbedAnswer> vectors);

  const size_t top_k_;
  const std::vector<std::string> targets_;
  Callback done_;
  MaskChoice choice_;
  size_t answer_bytes_ = 0;
  std::vector<FilledText> texts_;
};

}  // namespace minnow
