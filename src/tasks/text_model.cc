// SPDX-License-Identifier: Apache-2.0
// Loading the two halves, and checking what passes from one to the other.
#include "tasks/text_model.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <utility>

#include "tasks/calibration_texts.h"
#include "tasks/embedding_model.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

// A directory with any of these means to have a tokenizer.
constexpr const char* kTokenizerFiles[] = {
    "tokenizer.json", "tokenizer_config.json", "vocab.txt",       "vocab.json",
    "merges.txt",     "spiece.model",          "tokenizer.model", "sentencepiece.bpe.model"};
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

EncodeOptions OptionsFor(const LengthPolicy& policy, size_t max_tokens) {
  EncodeOptions options;
  options.max_tokens = policy.truncate ? max_tokens : 0;
  options.truncation_direction = policy.direction;
  options.truncate_first_only = policy.first_only;
  return options;
}

Error NoTokenizer() {
  return Error{Code::kInvalidArgument, "the model has no tokenizer: it takes token ids only"};
}

}  // namespace

Result<std::unique_ptr<const Tokenizer>> LoadTokenizer(const ModelSource& source) {
  if (source.packed()) {
    if (source.packed()->header().tokenizer_json.empty()) return std::unique_ptr<const Tokenizer>();
    return Tokenizer::FromPacked(source.packed());
  }
  const std::string& directory = source.layout().transformer_directory;
  for (const char* file : kTokenizerFiles) {
    std::error_code ec;
    if (fs::symlink_status(fs::path(directory) / file, ec).type() != fs::file_type::not_found)
      return Tokenizer::LoadDirectory(directory, source.layout().do_lower_case.value_or(false));
  }
  return std::unique_ptr<const Tokenizer>();
}

Result<std::unique_ptr<const Tokenizer>> RequireTokenizer(const ModelSource& source) {
  auto tokenizer = LoadTokenizer(source);
  if (tokenizer.ok() && *tokenizer == nullptr)
    return Error{Code::kNotFound, source.name() + ": no tokenizer.json"};
  return tokenizer;
}

Result<TextModel> TextModel::Load(const ModelSource& source,
                                  const SentenceTransformersLayout& layout,
                                  const EncoderPrecision& precision) {
  MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<const Tokenizer> tokenizer, LoadTokenizer(source));
  Calibration calibration;
  if (precision.dtype == Dtype::kInt8 && !source.packed() && tokenizer != nullptr) {
    MINNOW_ASSIGN_OR_RETURN(
        auto reference,
        EncoderModel::Load(source, layout, {.dtype = Dtype::kF32, .embedding = std::nullopt}));
    TextModel model(std::move(tokenizer), std::move(reference));
    try {
      calibration = model.Calibrate();
    } catch (const std::bad_alloc&) {
      return Error{Code::kInternal, source.name() + ": no memory to calibrate int8"};
    }
    tokenizer = std::move(model.tokenizer_);
  }
  MINNOW_ASSIGN_OR_RETURN(
      auto encoder,
      EncoderModel::Load(source, layout, precision, calibration.empty() ? nullptr : &calibration));
  return TextModel(std::move(tokenizer), std::move(encoder));
}

Result<std::unique_ptr<EmbeddingModel>> EmbeddingModel::Load(const ModelSource& source,
                                                             const EncoderPrecision& precision) {
  if (source.packed() && source.kind() != ModelKind::kEmbedding) {
    return Error{Code::kInvalidArgument, source.name() + ": packed for " +
                                             ModelKindName(source.kind()) + ", not embedding"};
  }
  MINNOW_ASSIGN_OR_RETURN(TextModel model, TextModel::Load(source, source.layout(), precision));
  return std::unique_ptr<EmbeddingModel>(new EmbeddingModel(std::move(model)));
}

// A tokenizer may make no tokens of some texts, or tokens that the encoder does not have: the
// others will do.
Calibration TextModel::Calibrate() const {
  std::vector<std::vector<int32_t>> texts;
  for (const std::string& text : CalibrationTexts()) {
    Result<TokenizedText> tokens = Tokenize(text, LengthPolicy{});
    if (tokens.ok()) texts.push_back(std::move(tokens->ids));
  }
  if (texts.empty()) return {};
  return encoder_->MeasureInputs(texts);
}

Result<TokenizedText> TextModel::FromEncoding(Encoding encoding) const {
  TokenizedText tokens;
  tokens.ids = std::move(encoding.ids);
  tokens.untruncated_tokens = std::max(encoding.untruncated_tokens, tokens.ids.size());
  // A model without token types knows one only.
  const bool all_type_0 = info().config.type_vocab_size == 0 ||
                          std::all_of(encoding.type_ids.begin(), encoding.type_ids.end(),
                                      [](uint8_t type) { return type == 0; });
  if (!all_type_0) tokens.type_ids = std::move(encoding.type_ids);
  MINNOW_RETURN_IF_ERROR(CheckTokens(tokens));
  return tokens;
}

Result<Prompt> TextModel::MakePrompt(const PromptChoice& choice) const {
  const PromptSet& prompts = info().layout.prompts;
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

bool AllFinite(std::span<const float> values) {
  float sum = 0;  // of zeros; infinity and NaN times zero are NaN
  for (const float value : values) sum += value * 0.0f;
  return sum == 0;
}

Result<TokenizedText> TextModel::Tokenize(std::string_view text, const LengthPolicy& policy,
                                          const Prompt& prompt) const {
  if (tokenizer_ == nullptr) return NoTokenizer();
  const EncodeOptions options = OptionsFor(policy, max_tokens());
  if (prompt.text.empty()) return FromEncoding(tokenizer_->Encode(text, options));
  MINNOW_ASSIGN_OR_RETURN(TokenizedText tokens, FromEncoding(tokenizer_->Encode(
                                                    prompt.text + std::string(text), options)));
  size_t unpooled = prompt.unpooled_tokens;
  if (unpooled > 0 && policy.direction == TruncationDirection::kLeft) {
    // The prompt was cut first; special tokens before it stay.
    unpooled -= std::min(unpooled - 1, tokens.untruncated_tokens - tokens.ids.size());
  }
  if (unpooled < tokens.ids.size()) tokens.unpooled_tokens = unpooled;
  return tokens;
}

Result<TokenizedText> TextModel::TokenizePair(std::string_view first, std::string_view second,
                                              const LengthPolicy& policy) const {
  if (tokenizer_ == nullptr) return NoTokenizer();
  Encoding encoding = tokenizer_->EncodePair(first, second, OptionsFor(policy, max_tokens()));
  if (policy.first_only && policy.truncate && encoding.ids.size() > max_tokens()) {
    return Error{Code::kInvalidArgument,
                 "the second text of the pair leaves no room for the first: " +
                     std::to_string(encoding.ids.size()) + " tokens, limit " +
                     std::to_string(max_tokens())};
  }
  return FromEncoding(std::move(encoding));
}

Result<TokenizedText> TextModel::CheckIds(std::span<const TokenId> ids, const LengthPolicy& policy,
                                          bool foreign) const {
  if (!foreign) MINNOW_RETURN_IF_ERROR(CheckSpecialTokens(ids));
  TokenizedText tokens;
  tokens.ids.assign(ids.begin(), ids.end());
  tokens.untruncated_tokens = ids.size();
  if (policy.truncate) Truncate(tokens, max_tokens(), policy.direction);
  MINNOW_RETURN_IF_ERROR(CheckTokens(tokens, has_tokenizer() ? kSendTexts : ""));
  return tokens;
}

Status TextModel::CheckSpecialTokens(std::span<const TokenId> ids) const {
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
Status TextModel::CheckTokens(const TokenizedText& text, const char* hint) const {
  const EncoderConfig& config = info().config;
  if (text.ids.empty()) return Error{Code::kInvalidArgument, "no tokens"};
  if (text.ids.size() > max_tokens()) {
    return Error{Code::kInvalidArgument, std::to_string(text.ids.size()) + " tokens, limit " +
                                             std::to_string(max_tokens())};
  }
  for (const TokenId id : text.ids) {
    if (id < 0 || id >= config.vocab_size) {
      return Error{Code::kInvalidArgument, "token id " + std::to_string(id) + " is not in [0, " +
                                               std::to_string(config.vocab_size) + ")" + hint};
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

TextBatch::TextBatch(const TextModel& model, size_t max_tokens, size_t max_texts, ThreadPool* pool)
    : model_(model),
      ids_(max_tokens),
      type_ids_(max_tokens),
      starts_(max_texts + 1),
      unpooled_(max_texts),
      vectors_(std::max((model.per_token() ? max_tokens : max_texts) * model.outputs(),
                        max_tokens * model.hidden_size())),
      workspace_(model.encoder().NewWorkspace(max_tokens, max_texts, pool)) {
  CHECK(max_tokens >= model.max_tokens() && max_texts >= 1);
}

bool TextBatch::Fits(const TokenizedText& text) const {
  const size_t used = static_cast<size_t>(starts_[texts_]);
  return texts_ + 1 < starts_.size() && text.ids.size() <= ids_.size() - used;
}

bool TextBatch::FitsBoth(const TokenizedText& first, const TokenizedText& second) const {
  const size_t used = static_cast<size_t>(starts_[texts_]);
  return texts_ + 2 < starts_.size() && first.ids.size() + second.ids.size() <= ids_.size() - used;
}

void TextBatch::Add(const TokenizedText& text) {
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

std::span<const float> TextBatch::Run(Output output) {
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
  if (output == Output::kTokens) {
    model_.encoder().Hidden(batch, *workspace_, vectors_.data());
    return std::span<const float>(vectors_.data(), tokens * model_.hidden_size());
  }
  model_.encoder().Run(batch, output == Output::kNormalized, *workspace_, vectors_.data());
  const size_t rows = model_.per_token() ? tokens : texts;
  return std::span<const float>(vectors_.data(), rows * model_.outputs());
}

}  // namespace minnow
