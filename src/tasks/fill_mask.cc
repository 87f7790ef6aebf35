// SPDX-License-Identifier: Apache-2.0
// From masks in a text to their tokens, and back to texts.
#include "tasks/fill_mask.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace minnow {
namespace {

// Of the fillings of one request, each with its text.
constexpr size_t kMaxAnswerBytes = size_t{64} << 20;
// A filling's JSON but for its text, and a token of that text, roughly.
constexpr size_t kFillingBytes = 100;
constexpr size_t kTokenBytes = 6;

EmbedRequest ToEmbedRequest(FillMaskRequest&& request) {
  return {.inputs = std::move(request.inputs),
          .prompt = {.kind = PromptChoice::Kind::kNone, .value = {}},
          .length = request.length,
          .normalize = false,
          .all_tokens = true,
          .field = std::move(request.field),
          .priority = request.priority};
}

// The token that a target stands for: itself, or its first one.
std::optional<TokenId> TargetToken(const Tokenizer& tokenizer, const std::string& target) {
  if (const auto whole = tokenizer.TokenToId(target)) return whole;
  const Encoding first = tokenizer.Encode(target, {.add_special_tokens = false, .max_tokens = 1});
  if (first.ids.empty()) return std::nullopt;
  return first.ids.front();
}

}  // namespace

std::optional<TokenId> FindMaskToken(const Tokenizer& tokenizer) {
  // In this order: vocabularies that were made of BERT's may still have its token.
  for (const char* name : {"<mask>", "[MASK]"}) {
    if (const auto id = tokenizer.TokenToId(name)) return id;
  }
  return std::nullopt;
}

Status CheckFillsMasks(const TextModel& model) {
  const ModelInfo& info = model.info();
  const auto refuse = [&](const std::string& why) {
    return Error{Code::kUnsupported, info.model_id + ": cannot fill masks: " + why};
  };
  if (!info.mask_fault.empty()) return refuse(info.mask_fault);
  if (model.encoder().mask_head() == nullptr) {
    return refuse("its weights have no head of a masked language model (NAMEForMaskedLM)");
  }
  if (!model.has_tokenizer()) return refuse("it has no tokenizer");
  const auto mask = FindMaskToken(model.tokenizer());
  if (!mask || *mask >= info.config.vocab_size)
    return refuse("its tokenizer has no <mask> or [MASK]");
  return {};
}

Result<MaskChoice> MakeMaskChoice(const TextModel& model, size_t top_k,
                                  const std::vector<std::string>& targets) {
  const Tokenizer& tokenizer = model.tokenizer();
  const auto limit = static_cast<size_t>(model.info().config.vocab_size);
  MaskChoice choice = {.mask = FindMaskToken(tokenizer).value_or(0), .top_k = top_k, .targets = {}};
  if (targets.size() > kMaxTargets) {
    return Error{Code::kInvalidArgument, "targets: " + std::to_string(targets.size()) +
                                             " texts, limit " + std::to_string(kMaxTargets)};
  }
  for (const std::string& target : targets) {
    const auto id = TargetToken(tokenizer, target);
    if (id && static_cast<size_t>(*id) < limit) choice.targets.push_back(*id);
  }
  std::sort(choice.targets.begin(), choice.targets.end());
  choice.targets.erase(std::unique(choice.targets.begin(), choice.targets.end()),
                       choice.targets.end());
  if (!targets.empty() && choice.targets.empty()) {
    return Error{Code::kInvalidArgument, "targets: the model has a token for none of them"};
  }
  choice.top_k = std::min(top_k, choice.targets.empty() ? limit : choice.targets.size());
  return choice;
}

size_t FilledText::bytes() const {
  return ids.size() * sizeof(TokenId) + masks.size() * sizeof(uint32_t) +
         fillings.size() * (sizeof(Filling) + kFillingBytes + ids.size() * kTokenBytes);
}

Result<FilledText> FindMasks(const TextModel& model, const MaskChoice& choice,
                             const TokenizedText& text) {
  FilledText filled = {
      .ids = text.ids, .masks = {}, .fillings = {}, .padding = model.info().config.pad_token_id};
  for (size_t i = 0; i < text.ids.size(); ++i) {
    if (text.ids[i] == choice.mask) filled.masks.push_back(static_cast<uint32_t>(i));
  }
  if (filled.masks.empty()) {
    std::string message = "no mask token (" +
                          std::string(model.tokenizer().IdToToken(choice.mask).value_or("")) +
                          ") in the text";
    if (text.truncated()) {
      message += ", of which the model reads " + std::to_string(text.ids.size()) + " of " +
                 std::to_string(text.untruncated_tokens) + " tokens";
    }
    return Error{Code::kInvalidArgument, std::move(message)};
  }
  const size_t fillings = filled.masks.size() * choice.top_k;
  if (fillings > kMaxAnswerBytes / (kFillingBytes + text.ids.size() * kTokenBytes)) {
    return Error{Code::kInvalidArgument, "top_k: " + std::to_string(choice.top_k) +
                                             " for each of " + std::to_string(filled.masks.size()) +
                                             " masks in " + std::to_string(text.ids.size()) +
                                             " tokens make an answer of more than " +
                                             std::to_string(kMaxAnswerBytes) + " bytes"};
  }
  filled.fillings.resize(fillings);
  return filled;
}

void AddMasks(const TextModel& model, const MaskChoice& choice, const float* hidden,
              FilledText& text, MaskScorer& scorer) {
  const std::span<Filling> all = text.fillings;
  for (size_t i = 0; i < text.masks.size(); ++i) {
    scorer.Add(hidden + text.masks[i] * model.hidden_size(),
               {choice.targets, all.subspan(i * text.per_mask(), text.per_mask())});
  }
}

bool AllFinite(const FilledText& text) {
  return std::all_of(text.fillings.begin(), text.fillings.end(),
                     [](const Filling& one) { return std::isfinite(one.score); });
}

std::string FillMask(const Tokenizer& tokenizer, const FilledText& text, size_t mask,
                     TokenId token) {
  std::vector<TokenId> ids = text.ids;
  ids[text.masks[mask]] = token;
  std::erase(ids, text.padding);
  return tokenizer.Decode(ids, /*skip_special_tokens=*/text.masks.size() == 1);
}

FillMaskJob::FillMaskJob(const TextModel* model, FillMaskRequest request, Callback done)
    : EmbedJob(
          model, ToEmbedRequest(std::move(request)),
          [this](Result<EmbedAnswer> vectors) { Finish(std::move(vectors)); }, WithoutVectors()),
      top_k_(request.top_k),
      targets_(std::move(request.targets)),
      done_(std::move(done)) {}

Cost FillMaskJob::expected_cost() const {
  Cost cost = EmbedJob::expected_cost();
  cost.bytes += answer_bytes_;
  return cost;
}

Result<std::vector<uint32_t>> FillMaskJob::Prepare() {
  MINNOW_ASSIGN_OR_RETURN(choice_, MakeMaskChoice(model(), top_k_, targets_));
  return EmbedJob::Prepare();
}

Status FillMaskJob::Accept(const TokenizedText& text) {
  MINNOW_ASSIGN_OR_RETURN(FilledText filled, FindMasks(model(), choice_, text));
  answer_bytes_ += filled.bytes();
  if (answer_bytes_ > kMaxAnswerBytes) {
    return Error{Code::kInvalidArgument,
                 "top_k: the texts up to this one make an answer of more "
                 "than " +
                     std::to_string(kMaxAnswerBytes) + " bytes"};
  }
  texts_.push_back(std::move(filled));
  return {};
}

void FillMaskJob::Take(size_t item, const float* values, MaskScorer* masks) {
  AddMasks(model(), choice_, values, texts_[item], *masks);
}

void FillMaskJob::Finish(Result<EmbedAnswer> vectors) {
  const Callback done = std::move(done_);
  if (!vectors.ok()) return done(std::move(vectors).error());
  for (const FilledText& text : texts_) {
    if (!AllFinite(text)) return done(Error{Code::kInternal, kNotFinite});
  }
  done(FillMaskAnswer{.texts = std::move(texts_),
                      .tokens = std::move(vectors->tokens),
                      .untruncated = std::move(vectors->untruncated),
                      .truncated = vectors->truncated,
                      .timings = vectors->timings});
}

}  // namespace minnow
