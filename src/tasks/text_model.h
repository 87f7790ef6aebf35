// SPDX-License-Identifier: Apache-2.0
// TextModel: a tokenizer, if there is one, and an encoder model that belong together; and texts on
// their way between the two.
//
// Const after loading; may be used from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "models/encoder_model.h"
#include "models/source.h"
#include "tasks/prompt.h"
#include "text/tokenizer.h"

namespace minnow {

// A text as the encoder takes it: at least one token, at most the model's limit, every id in its
// vocabulary.
struct TokenizedText {
  std::vector<TokenId> ids;
  std::vector<uint8_t> type_ids;  // empty: all 0
  size_t untruncated_tokens = 0;  // what it would have been without the limit
  size_t unpooled_tokens = 0;     // at its beginning, that pooling leaves out; fewer than all

  bool truncated() const { return untruncated_tokens > ids.size(); }
};

struct LengthPolicy {
  bool truncate = true;  // false: a text above the limit is an error
  TruncationDirection direction = TruncationDirection::kRight;
  bool first_only = false;  // of a pair: only its first text is cut; the second has to fit
};

// The tokenizer of a model, without reading its weights; null where the model has no tokenizer
// files at all.
Result<std::unique_ptr<const Tokenizer>> LoadTokenizer(const ModelSource& source);
// The same; fails with kNotFound where there is none.
Result<std::unique_ptr<const Tokenizer>> RequireTokenizer(const ModelSource& source);

inline constexpr const char* kNotFinite =
    "the model gave values that are not finite: its weights may be damaged";
// False where a weight was damaged, or a sum overflowed: such values are nobody's answer.
bool AllFinite(std::span<const float> values);

class TextModel {
 public:
  TextModel(std::unique_ptr<const Tokenizer> tokenizer, std::unique_ptr<EncoderModel> encoder)
      : tokenizer_(std::move(tokenizer)), encoder_(std::move(encoder)) {}
  virtual ~TextModel() = default;
  TextModel(TextModel&&) = default;
  TextModel& operator=(TextModel&&) = default;

  // False: the model takes token ids only.
  bool has_tokenizer() const { return tokenizer_ != nullptr; }
  // REQUIRES: has_tokenizer().
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const EncoderModel& encoder() const { return *encoder_; }
  const ModelInfo& info() const { return encoder_->info(); }
  size_t max_tokens() const { return static_cast<size_t>(info().max_sequence_tokens); }
  size_t hidden_size() const { return static_cast<size_t>(info().config.hidden_size); }
  // Numbers that the model gives for a text, or per_token() for each token.
  bool per_token() const { return encoder_->per_token(); }
  size_t outputs() const { return static_cast<size_t>(info().embedding_size); }

  // Fails with kInvalidArgument: too long under `policy`, no token at all, or no tokenizer. The
  // caller names the text.
  Result<TokenizedText> Tokenize(std::string_view text, const LengthPolicy& policy,
                                 const Prompt& prompt = {}) const;
  // The prompt that `choice` means for this model. Fails as FindPrompt does.
  Result<Prompt> MakePrompt(const PromptChoice& choice) const;
  // Two texts as one, as the tokenizer's template joins them.
  Result<TokenizedText> TokenizePair(std::string_view first, std::string_view second,
                                     const LengthPolicy& policy) const;
  // A text's encoding, whoever made it, as the encoder takes it. Fails with kInvalidArgument as
  // Tokenize does.
  Result<TokenizedText> FromEncoding(Encoding encoding) const;
  // The same for ids that the caller made, special tokens included; an id out of range is an error
  // too, and where `foreign` is false, ids without this model's special tokens at both ends: they
  // are most likely another vocabulary's.
  Result<TokenizedText> CheckIds(std::span<const TokenId> ids, const LengthPolicy& policy,
                                 bool foreign = true) const;

 protected:
  // int8 of a directory is calibrated first (calibration_texts.h), which takes a forward pass of
  // some texts in fp32.
  static Result<TextModel> Load(const ModelSource& source, const SentenceTransformersLayout& layout,
                                const EncoderPrecision& precision);

 private:
  // Empty where the model takes none of the texts. May throw std::bad_alloc.
  Calibration Calibrate() const;
  // `hint`: what to tell whoever sent an id that is out of range.
  Status CheckTokens(const TokenizedText& text, const char* hint = "") const;
  Status CheckSpecialTokens(std::span<const TokenId> ids) const;

  std::unique_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<EncoderModel> encoder_;
};

// TextBatch: room for one batch of texts packed end to end, and for what the model gives for them.
// One thread at a time. Nothing is allocated after construction.
class TextBatch {
 public:
  // REQUIRES: max_tokens >= model.max_tokens(). `model` and `pool` outlive it. May throw
  // std::bad_alloc.
  TextBatch(const TextModel& model, size_t max_tokens, size_t max_texts, ThreadPool* pool);

  bool Fits(const TokenizedText& text) const;
  bool FitsBoth(const TokenizedText& first, const TokenizedText& second) const;
  // REQUIRES: Fits(text).
  void Add(const TokenizedText& text);
  size_t texts() const { return texts_; }

  enum class Output { kNormalized, kPooled, kTokens };
  // What the model gives for the texts added since the last Run, in their order; valid until the
  // next Run. Empties the batch. One row a text, [texts, outputs], of length 1 where kNormalized,
  // or of a model with per_token() one row a token; kTokens: the hidden states of all tokens,
  // [tokens, C].
  std::span<const float> Run(Output output);
  std::span<const float> Run(bool normalize) {
    return Run(normalize ? Output::kNormalized : Output::kPooled);
  }

 private:
  const TextModel& model_;
  std::vector<TokenId> ids_;
  std::vector<uint8_t> type_ids_;
  std::vector<int32_t> starts_;
  std::vector<int32_t> unpooled_;
  AlignedBuffer<float> vectors_;
  std::unique_ptr<EncoderModel::Workspace> workspace_;
  size_t texts_ = 0;
  bool any_type_ids_ = false;
  bool any_unpooled_ = false;
};

}  // namespace minnow
