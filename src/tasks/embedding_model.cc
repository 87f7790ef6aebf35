// SPDX-License-Identifier: Apache-2.0
// Loading the two halves, and checking what passes from one to the other.
#include "tasks/embedding_model.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <utility>

#include "tasks/calibration_texts.h"

namespace minnow {
namespace {

// Clients of OpenAI's API may take it on themselves to tokenize, with OpenAI's vocabulary.
constexpr const char* kSendTexts =
    "; send texts (langchain-openai: check_embedding_ctx_length=False)";

void Truncate(TokenizedText& text, size_t limit, TruncationDirection direction) {
  if (text.ids.size() <= limit) return;
  const auto excess = static_cast<ptrdiff_t>(text.ids.size() - limit);
  if (direction == TruncationDirection::kLeft) {
    text.ids.erase(text.ids.begin(), text.ids.begin() + excess);
  } else {
    text.ids.resize(limit);
  }
}

// Of any kind: a directory with one that cannot be read is not one without.
bool HasTokenizerFiles(const ModelSource& source) {
  if (source.packed()) return true;
  for (const char* name : {"tokenizer.json", "vocab.txt", "vocab.json", "spiece.model",
                           "sentencepiece.bpe.model", "tokenizer.model"}) {
    std::error_code error;
    const auto path = std::filesystem::path(source.layout().transformer_directory) / name;
    if (std::filesystem::exists(path, error) || error) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<const Tokenizer>> LoadTokenizer(const ModelSource& source) {
  if (source.packed()) return Tokenizer::FromPacked(source.packed());
  const SentenceTransformersLayout& layout = source.layout();
  return Tokenizer::LoadDirectory(layout.transformer_directory,
                                  layout.do_lower_case.value_or(false));
}

Result<std::unique_ptr<EmbeddingModel>> EmbeddingModel::Load(const ModelSource& source,
                                                             const EncoderPrecision& precision,
                                                             TokenizerNeed need) {
  Calibration calibration;
  if (precision.dtype == Dtype::kInt8 && !source.packed()) {
    MINNOW_ASSIGN_OR_RETURN(const auto reference,
                            Load(source, {.dtype = Dtype::kF32, .embedding = std::nullopt}, need));
    try {
      calibration = reference->Calibrate();
    } catch (const std::bad_alloc&) {
      return Error{Code::kInternal, source.name() + ": no memory to calibrate int8"};
    }
  }
  MINNOW_ASSIGN_OR_RETURN(
      std::unique_ptr<SentenceEncoder> encoder,
      SentenceEncoder::Load(source, precision, calibration.empty() ? nullptr : &calibration));
  std::unique_ptr<const Tokenizer> tokenizer;
  if (need == TokenizerNeed::kRequired || HasTokenizerFiles(source)) {
    MINNOW_ASSIGN_OR_RETURN(tokenizer, LoadTokenizer(source));
  }
  return std::make_unique<EmbeddingModel>(std::move(tokenizer), std::move(encoder));
}

// A tokenizer may make no tokens of some texts, or tokens that the encoder does not have: the
// others will do.
Calibration EmbeddingModel::Calibrate() const {
  std::vector<std::vector<int32_t>> texts;
  for (const std::string& text : CalibrationTexts()) {
    Result<TokenizedText> tokens = Tokenize(text, LengthPolicy{});
    if (tokens.ok()) texts.push_back(std::move(tokens->ids));
  }
  if (texts.empty()) return {};
  return encoder_->MeasureInputs(texts);
}

EmbeddingModel::EmbeddingModel(std::unique_ptr<const Tokenizer> tokenizer,
                               std::unique_ptr<SentenceEncoder> encoder)
    : tokenizer_(std::move(tokenizer)), encoder_(std::move(encoder)) {}

Result<Prompt> EmbeddingModel::MakePrompt(const PromptChoice& choice) const {
  const PromptSet& prompts = encoder_->info().layout.prompts;
  Prompt prompt;
  MINNOW_ASSIGN_OR_RETURN(prompt.text, FindPrompt(prompts, choice));
  if (prompt.text.empty() || prompts.pooled || tokenizer_ == nullptr) return prompt;
  // sentence-transformers counts the tokens of the prompt alone, but for a special one at its end.
  EncodeOptions options;
  options.want_offsets = true;  // and which are special
  options.max_tokens = max_tokens();
  const Encoding encoding = tokenizer_->Encode(prompt.text, options);
  prompt.unpooled_tokens = encoding.ids.size();
  if (!encoding.special.empty() && encoding.special.back() != 0) --prompt.unpooled_tokens;
  return prompt;
}

Result<TokenizedText> EmbeddingModel::Tokenize(std::string_view text, const LengthPolicy& policy,
                                               const Prompt& prompt) const {
  if (tokenizer_ == nullptr) {
    return Error{Code::kInvalidArgument, "the model has no tokenizer: it takes token ids only"};
  }
  std::string with_prompt;
  if (!prompt.text.empty()) {
    with_prompt = prompt.text;
    with_prompt += text;
    text = with_prompt;
  }
  EncodeOptions options;
  options.max_tokens = policy.truncate ? max_tokens() : 0;
  options.truncation_direction = policy.direction;
  Encoding encoding = tokenizer_->Encode(text, options);
  TokenizedText tokens;
  tokens.ids = std::move(encoding.ids);
  tokens.untruncated_tokens = std::max(encoding.untruncated_tokens, tokens.ids.size());
  const bool all_type_0 = std::all_of(encoding.type_ids.begin(), encoding.type_ids.end(),
                                      [](uint8_t type) { return type == 0; });
  if (!all_type_0) tokens.type_ids = std::move(encoding.type_ids);
  MINNOW_RETURN_IF_ERROR(CheckTokens(tokens));
  size_t unpooled = prompt.unpooled_tokens;
  if (unpooled > 0 && policy.direction == TruncationDirection::kLeft) {
    // The prompt was cut first; special tokens before it stay.
    unpooled -= std::min(unpooled - 1, tokens.untruncated_tokens - tokens.ids.size());
  }
  if (unpooled < tokens.ids.size()) tokens.unpooled_tokens = unpooled;
  return tokens;
}

Result<TokenizedText> EmbeddingModel::CheckIds(std::span<const TokenId> ids,
                                               const LengthPolicy& policy, bool foreign) const {
  if (!foreign) MINNOW_RETURN_IF_ERROR(CheckSpecialTokens(ids));
  TokenizedText tokens;
  tokens.ids.assign(ids.begin(), ids.end());
  tokens.untruncated_tokens = ids.size();
  if (policy.truncate) Truncate(tokens, max_tokens(), policy.direction);
  MINNOW_RETURN_IF_ERROR(CheckTokens(tokens));
  return tokens;
}

Status EmbeddingModel::CheckSpecialTokens(std::span<const TokenId> ids) const {
  if (tokenizer_ == nullptr) return {};
  // What the tokenizer puts around every text.
  const Encoding encoding =
      tokenizer_->Encode("a", {.add_special_tokens = true, .want_offsets = true});
  const auto& special = encoding.special;
  const auto before = std::find(special.begin(), special.end(), 0) - special.begin();
  const auto after = std::find(special.rbegin(), special.rend(), 0) - special.rbegin();
  if (before == std::ssize(special)) return {};
  const auto& own = encoding.ids;
  if (std::ssize(ids) >= before + after &&
      std::equal(own.begin(), own.begin() + before, ids.begin()) &&
      std::equal(own.rbegin(), own.rbegin() + after, ids.rbegin())) {
    return {};
  }
  std::string form;
  for (auto id = own.begin(); id < own.begin() + before; ++id) form += std::to_string(*id) + ", ";
  form += "...";
  for (auto id = own.end() - after; id < own.end(); ++id) form += ", " + std::to_string(*id);
  return Error{Code::kInvalidArgument, "token ids of this model have the form [" + form +
                                           "], these are most likely of another vocabulary" +
                                           kSendTexts};
}

// The tokenizer's files and the encoder's may not fit each other, so what comes from the tokenizer
// is checked too.
Status EmbeddingModel::CheckTokens(const TokenizedText& text) const {
  const EncoderConfig& config = encoder_->info().config;
  if (text.ids.empty()) return Error{Code::kInvalidArgument, "no tokens"};
  if (text.ids.size() > max_tokens()) {
    return Error{Code::kInvalidArgument, std::to_string(text.ids.size()) + " tokens, limit " +
                                             std::to_string(max_tokens())};
  }
  for (const TokenId id : text.ids) {
    if (id < 0 || id >= config.vocab_size) {
      return Error{Code::kInvalidArgument, "token id " + std::to_string(id) + " is not in [0, " +
                                               std::to_string(config.vocab_size) + ")" +
                                               kSendTexts};
    }
  }
  for (const uint8_t type : text.type_ids) {
    if (type >= config.type_vocab_size) {
      return Error{Code::kInvalidArgument, "token type " + std::to_string(type) +
                                               " is not in [0, " +
                                               std::to_string(config.type_vocab_size) + ")"};
    }
  }
  return {};
}

EmbeddingBatch::EmbeddingBatch(const EmbeddingModel& model, size_t max_tokens, size_t max_texts,
                               ThreadPool* pool)
    : model_(model),
      ids_(max_tokens),
      type_ids_(max_tokens),
      starts_(max_texts + 1),
      unpooled_(max_texts),
      vectors_(max_texts * model.embedding_size()),
      workspace_(model.encoder().NewWorkspace(max_tokens, max_texts, pool)) {
  CHECK(max_tokens >= model.max_tokens() && max_texts >= 1);
}

bool EmbeddingBatch::Fits(const TokenizedText& text) const {
  const size_t used = static_cast<size_t>(starts_[texts_]);
  return texts_ + 1 < starts_.size() && text.ids.size() <= ids_.size() - used;
}

bool EmbeddingBatch::FitsBoth(const TokenizedText& first, const TokenizedText& second) const {
  const size_t used = static_cast<size_t>(starts_[texts_]);
  return texts_ + 2 < starts_.size() && first.ids.size() + second.ids.size() <= ids_.size() - used;
}

void EmbeddingBatch::Add(const TokenizedText& text) {
  CHECK(Fits(text));
  const int32_t start = starts_[texts_];
  std::copy(text.ids.begin(), text.ids.end(), ids_.begin() + start);
  if (text.type_ids.empty()) {
    std::fill_n(type_ids_.begin() + start, text.ids.size(), uint8_t{0});
  } else {
    std::copy(text.type_ids.begin(), text.type_ids.end(), type_ids_.begin() + start);
    any_type_ids_ = true;
  }
  unpooled_[texts_] = static_cast<int32_t>(text.unpooled_tokens);
  any_unpooled_ |= text.unpooled_tokens > 0;
  starts_[++texts_] = start + static_cast<int32_t>(text.ids.size());
}

std::span<const float> EmbeddingBatch::Run(bool normalize) {
  const size_t texts = std::exchange(texts_, 0);
  const bool type_ids = std::exchange(any_type_ids_, false);
  const bool unpooled = std::exchange(any_unpooled_, false);
  if (texts == 0) return {};
  const size_t tokens = static_cast<size_t>(starts_[texts]);
  TokenBatch batch;
  batch.ids = std::span<const TokenId>(ids_).first(tokens);
  batch.starts = std::span<const int32_t>(starts_).first(texts + 1);
  if (type_ids) batch.type_ids = std::span<const uint8_t>(type_ids_).first(tokens);
  if (unpooled) batch.unpooled = std::span<const int32_t>(unpooled_).first(texts);
  model_.encoder().Embed(batch, normalize, *workspace_, vectors_.data());
  return std::span<const float>(vectors_.data(), texts * model_.embedding_size());
}

}  // namespace minnow
