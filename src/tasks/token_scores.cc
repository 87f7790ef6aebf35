// SPDX-License-Identifier: Apache-2.0
// Texts to windows, and back to each text.
#include "tasks/token_scores.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace minnow {
namespace {

// Takes the inputs out of it.
EmbedRequest ToEmbedRequest(TokenScoresRequest& request) {
  return {.inputs = std::move(request.inputs),
          .length = request.length,
          .normalize = false,
          .field = request.field,
          .last_field = request.last_field,
          .priority = request.priority};
}

void Repair(std::string& text) {
  if (!IsValidUtf8(text)) text = RepairUtf8(text);
}

// What an encoding and its window hold beside what an EmbedJob counts.
size_t BytesOf(const ScoredText& text) {
  constexpr size_t kBytesPerToken = sizeof(TokenId) + sizeof(TokenOffset) + sizeof(uint32_t) + 2;
  size_t bytes = text.text.size();
  for (const Encoding& window : text.windows)
    bytes += sizeof(Encoding) + window.ids.size() * kBytesPerToken;
  return bytes;
}

// Tokens of the text that is cut which a window holds.
size_t OwnTokens(const Encoding& window, bool pair) {
  if (pair) return window.second_end - window.second_begin;
  return static_cast<size_t>(std::count(window.special.begin(), window.special.end(), 0));
}

// The tokens that windows hold, each once.
uint32_t TokensRead(const std::vector<Encoding>& windows, bool pair) {
  const Encoding& last = windows.back();
  return static_cast<uint32_t>(windows.front().ids.size() - OwnTokens(windows.front(), pair) +
                               last.window_begin + OwnTokens(last, pair));
}

}  // namespace

Result<std::unique_ptr<TokenHeadModel>> TokenHeadModel::Load(const ModelSource& source,
                                                             ModelKind kind,
                                                             const EncoderPrecision& precision) {
  MINNOW_ASSIGN_OR_RETURN(TokenHeadSpec spec, ReadTokenHeadSpec(source, kind));
  MINNOW_ASSIGN_OR_RETURN(TextModel model, TextModel::Load(source, spec.layout, precision));
  return std::unique_ptr<TokenHeadModel>(
      new TokenHeadModel(std::move(model), std::move(spec.labels)));
}

TokenScoresJob::TokenScoresJob(const TokenHeadModel* model, TokenScoresRequest request,
                               Callback done)
    : EmbedJob(model, ToEmbedRequest(request),
               [this, done = std::move(done)](Result<EmbedAnswer> vectors) {
                 Finish(std::move(vectors), done);
               }),
      stride_(request.stride),
      window_tokens_(request.max_window_tokens == 0
                         ? model->max_tokens()
                         : std::min(request.max_window_tokens, model->max_tokens())) {
  size_t tokens = 0;
  for (const EmbedInput& input : this->request().inputs) tokens += GuessWindowTokens(input);
  ExpectTokens(tokens);
}

// Windows that share most of their tokens are many times as long as the text.
size_t TokenScoresJob::GuessWindowTokens(const EmbedInput& input) const {
  constexpr size_t kSpecialTokens = 3;
  const size_t all = GuessTokens(input);
  if (!stride_ || all <= window_tokens_) return std::min(all, window_tokens_);
  const auto* pair = std::get_if<TextPair>(&input);
  const size_t shared = *stride_ + kSpecialTokens + (pair ? GuessTokens(pair->first) : 0);
  const size_t step = window_tokens_ > shared ? window_tokens_ - shared : 1;
  const size_t windows = (all - window_tokens_) / step + 2;
  return std::min(windows * window_tokens_, kMaxInputTokens);
}

Result<std::vector<Encoding>> TokenScoresJob::Windows(const EmbedInput& input) const {
  if (!model().has_tokenizer())
    return Error{Code::kInvalidArgument, "the model has no tokenizer: it takes token ids only"};
  const LengthPolicy& length = request().length;
  EncodeOptions options;
  options.want_offsets = true;
  options.max_tokens = window_tokens_;
  options.truncation_direction = length.direction;
  const auto* pair = std::get_if<TextPair>(&input);
  const std::string_view first = pair ? pair->first : std::get<std::string>(input);
  const std::string_view second = pair ? std::string_view(pair->second) : std::string_view();
  std::vector<Encoding> windows;
  if (stride_) {
    windows = model().tokenizer().EncodeWindows(
        first, pair ? &second : nullptr, options,
        {.stride = *stride_, .max_total_tokens = kMaxInputTokens});
  } else {
    windows.push_back(pair ? model().tokenizer().EncodePair(first, second, options)
                           : model().tokenizer().Encode(first, options));
  }
  return windows;
}

Result<ScoredText> TokenScoresJob::Read(EmbedInput& input) const {
  ScoredText scored;
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&input)) {
    MINNOW_ASSIGN_OR_RETURN(TokenizedText tokens, model().CheckIds(*ids, request().length));
    scored.untruncated = static_cast<uint32_t>(tokens.untruncated_tokens);
    scored.read = static_cast<uint32_t>(tokens.ids.size());
    scored.windows.emplace_back().ids = std::move(tokens.ids);
    return scored;
  }
  if (auto* both = std::get_if<TextPair>(&input)) {
    Repair(both->first);
    Repair(both->second);
  } else {
    Repair(std::get<std::string>(input));
  }
  MINNOW_ASSIGN_OR_RETURN(scored.windows, Windows(input));
  scored.untruncated = static_cast<uint32_t>(scored.windows.front().untruncated_tokens);
  auto* pair = std::get_if<TextPair>(&input);
  scored.read = std::min(TokensRead(scored.windows, pair != nullptr), scored.untruncated);
  if (!request().length.truncate && scored.read < scored.untruncated) {
    return Error{Code::kInvalidArgument, std::to_string(scored.untruncated) + " tokens, limit " +
                                             std::to_string(scored.read)};
  }
  // A tokenizer without special tokens makes none of an empty text.
  std::erase_if(scored.windows, [](const Encoding& window) { return window.ids.empty(); });
  scored.text = std::move(pair ? pair->second : std::get<std::string>(input));
  return scored;
}

Result<std::vector<uint32_t>> TokenScoresJob::Prepare() {
  std::vector<EmbedInput>& inputs = request().inputs;
  size_t rows = 0, bytes = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto scored = Read(inputs[i]);
    if (!scored.ok()) return Annotate(std::move(scored).error(), NameOf(i));
    scored->first_row = rows;
    for (const Encoding& window : scored->windows) {
      rows += window.ids.size();
      auto text = model().FromEncoding(window);
      if (!text.ok()) return Annotate(std::move(text).error(), NameOf(i));
      AddItem(std::move(text).value());
    }
    if (rows * model().outputs() > kMaxRequestScores) {
      return Error{Code::kInvalidArgument,
                   request().field + ": more than " + std::to_string(kMaxRequestScores) +
                       " scores together, " + std::to_string(model().outputs()) + " a token"};
    }
    if (rows > kMaxRequestTokens) {
      return Error{Code::kInvalidArgument, request().field + ": more than " +
                                               std::to_string(kMaxRequestTokens) +
                                               " tokens together"};
    }
    answer_.tokens.push_back(static_cast<uint32_t>(rows - scored->first_row));
    answer_.truncated += scored->read < scored->untruncated ? 1 : 0;
    bytes += BytesOf(*scored);
    answer_.texts.push_back(std::move(scored).value());
    inputs[i] = std::string();
  }
  return FinishItems(bytes);
}

void TokenScoresJob::Finish(Result<EmbedAnswer> vectors, const Callback& done) {
  if (!vectors.ok()) return done(std::move(vectors).error());
  answer_.scores = std::move(vectors->vectors);
  answer_.timings = vectors->timings;
  done(std::move(answer_));
}

}  // namespace minnow
