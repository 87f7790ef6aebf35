// SPDX-License-Identifier: Apache-2.0
// EmbeddingModel: a tokenizer and a sentence encoder that belong together; and texts on their way
// between the two.
//
// Const after loading; may be used from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "models/model_source.h"
#include "models/sentence_encoder.h"
#include "text/tokenizer.h"

namespace minnow {

// A text as the encoder takes it: at least one token, at most the model's limit, every id in its
// vocabulary.
struct TokenizedText {
  std::vector<TokenId> ids;
  std::vector<uint8_t> type_ids;  // empty: all 0
  size_t untruncated_tokens = 0;  // what it would have been without the limit

  bool truncated() const { return untruncated_tokens > ids.size(); }
};

struct LengthPolicy {
  bool truncate = true;  // false: a text above the limit is an error
  TruncationDirection direction = TruncationDirection::kRight;
};

// Whether a model may come without a tokenizer, and then takes token ids only.
enum class TokenizerNeed { kRequired, kOptional };

// The tokenizer of a model, without reading its weights.
Result<std::unique_ptr<const Tokenizer>> LoadTokenizer(const ModelSource& source);

class EmbeddingModel {
 public:
  // int8 of a directory is calibrated first (calibration_texts.h), which takes a forward pass of
  // some texts in fp32.
  static Result<std::unique_ptr<EmbeddingModel>> Load(
      const ModelSource& source, const EncoderPrecision& precision,
      TokenizerNeed need = TokenizerNeed::kRequired);
  // `tokenizer` may be null.
  EmbeddingModel(std::unique_ptr<const Tokenizer> tokenizer,
                 std::unique_ptr<SentenceEncoder> encoder);

  bool has_tokenizer() const { return tokenizer_ != nullptr; }
  // REQUIRES: has_tokenizer().
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const SentenceEncoder& encoder() const { return *encoder_; }
  size_t max_tokens() const { return static_cast<size_t>(encoder_->info().max_sequence_tokens); }
  size_t embedding_size() const { return static_cast<size_t>(encoder_->info().embedding_size); }
  size_t hidden_size() const { return static_cast<size_t>(encoder_->info().config.hidden_size); }

  // Fails with kInvalidArgument: too long under `policy`, no token at all, or no tokenizer. The
  // caller names the text.
  Result<TokenizedText> Tokenize(std::string_view text, const LengthPolicy& policy) const;
  // The same for ids that the caller made, special tokens included; an id out of range is an error
  // too.
  Result<TokenizedText> CheckIds(std::span<const TokenId> ids, const LengthPolicy& policy) const;

 private:
  // Empty where the model takes none of the texts. May throw std::bad_alloc.
  Calibration Calibrate() const;
  Status CheckTokens(const TokenizedText& text) const;

  std::unique_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<SentenceEncoder> encoder_;
};

// EmbeddingBatch: room for one batch of texts packed end to end, and for their vectors. One thread
// at a time. Nothing is allocated after construction.
class EmbeddingBatch {
 public:
  // REQUIRES: max_tokens >= model.max_tokens(). `model` and `pool` outlive it. May throw
  // std::bad_alloc.
  EmbeddingBatch(const EmbeddingModel& model, size_t max_tokens, size_t max_texts,
                 ThreadPool* pool);

  bool Fits(const TokenizedText& text) const;
  bool FitsBoth(const TokenizedText& first, const TokenizedText& second) const;
  // REQUIRES: Fits(text).
  void Add(const TokenizedText& text);
  size_t texts() const { return texts_; }

  enum class Output { kNormalized, kPooled, kTokens };
  // What the model gives for the texts added since the last Run, in their order; valid until the
  // next Run. Empties the batch. One vector a text, [texts, D], of length 1 where kNormalized;
  // kTokens: the hidden states of all tokens, [tokens, C].
  std::span<const float> Run(Output output);
  std::span<const float> Run(bool normalize) {
    return Run(normalize ? Output::kNormalized : Output::kPooled);
  }

 private:
  const EmbeddingModel& model_;
  std::vector<TokenId> ids_;
  std::vector<uint8_t> type_ids_;
  std::vector<int32_t> starts_;
  AlignedBuffer<float> vectors_;
  std::unique_ptr<SentenceEncoder::Workspace> workspace_;
  size_t texts_ = 0;
  bool any_type_ids_ = false;
};

}  // namespace minnow
