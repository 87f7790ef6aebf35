// SPDX-License-Identifier: Apache-2.0
// FakeModel: answers at once, on the caller's thread.
#include "tests/server/fake_service.h"

#include <new>
#include <utility>
#include <variant>

namespace minnow {
namespace {

constexpr size_t kSize = 4;

void AppendCodePoint(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

}  // namespace

Encoding FakeTokenizer::Encode(std::string_view text, const EncodeOptions& options) const {
  Encoding encoding;
  const auto add = [&encoding](TokenId id, bool special, TokenOffset offset) {
    encoding.ids.push_back(id);
    encoding.special.push_back(special ? 1 : 0);
    encoding.offsets.push_back(offset);
  };
  if (options.add_special_tokens) add(kSpecial, true, {});
  uint32_t position = 0;
  for (size_t i = 0; i < text.size(); ++i, ++position) {
    TokenId id = static_cast<unsigned char>(text[i]);
    if (id >= 0xC0 && i + 1 < text.size()) {
      id = (id & 0x1F) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3F);
    }
    add(id, false, {position, position + 1});
  }
  return encoding;
}

Encoding FakeTokenizer::EncodePair(std::string_view first, std::string_view,
                                   const EncodeOptions& options) const {
  return Encode(first, options);
}

std::string FakeTokenizer::Decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::string text;
  for (const TokenId id : ids) {
    if (id != kSpecial) {
      AppendCodePoint(static_cast<uint32_t>(id), text);
    } else if (!skip_special_tokens) {
      text += "[S]";
    }
  }
  return text;
}

std::optional<std::string_view> FakeTokenizer::IdToToken(TokenId id) const {
  return id == kSpecial ? std::optional<std::string_view>("[S]") : std::nullopt;
}

std::optional<TokenId> FakeTokenizer::TokenToId(std::string_view token) const {
  return token == "[S]" ? std::optional<TokenId>(kSpecial) : std::nullopt;
}

ModelFacts FakeModel::Facts(std::string name) {
  ModelFacts facts;
  facts.model_id = std::move(name);
  facts.embedding_dtype = "int4";
  facts.quality = {64, 0.9975, 0.5};
  facts.dtype = "fp32";
  facts.pooling = "mean";
  facts.embedding_size = kSize;
  facts.max_sequence_tokens = 256;
  facts.prompts = {{{"query", "ask "}, {"passage", "tell "}}, "", true};
  return facts;
}

namespace {

size_t SizeOf(const EmbedInput& input) {
  if (const auto* pair = std::get_if<TextPair>(&input))
    return pair->first.size() + pair->second.size();
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&input)) return ids->size();
  return std::get<std::string>(input).size();
}

}  // namespace

void FakeModel::Run(EmbedRequest request, const std::shared_ptr<ClientWatch>& client,
                    Callback<EmbedAnswer> done) {
  EmbedAnswer answer;
  for (const EmbedInput& input : request.inputs) {
    const auto* text = std::get_if<std::string>(&input);
    if (text != nullptr && *text == kRefused) {
      return done(Error{Code::kInvalidArgument, "no tokens"});
    }
    const size_t size = SizeOf(input);
    for (size_t i = 0; i < (request.all_tokens ? size + 1 : 1); ++i) {
      answer.vectors.insert(answer.vectors.end(), {static_cast<float>(size), 0, 0, 1});
    }
    answer.tokens.push_back(static_cast<uint32_t>(size) + 1);
  }
  std::optional<Error> error;
  const Result<std::string> prompt = FindPrompt(facts_.prompts, request.prompt);
  if (!prompt.ok()) error = prompt.error();
  if (controls_ != nullptr) {
    const std::lock_guard lock(controls_->mutex);
    if (std::exchange(controls_->next_out_of_memory, false)) throw std::bad_alloc();
    controls_->last_request = std::move(request);
    if (controls_->hold) {
      controls_->held =
          std::make_unique<FakeControls::Held>(FakeControls::Held{client, std::move(done)});
      controls_->held_changed.notify_all();
      return;
    }
    if (controls_->next_error.has_value())
      error = std::exchange(controls_->next_error, std::nullopt);
  }
  if (error.has_value()) {
    done(*std::move(error));
  } else {
    done(std::move(answer));
  }
}

void FakeModel::Run(ClassifyRequest request, const std::shared_ptr<ClientWatch>&,
                    Callback<ClassifyAnswer> done) {
  if (controls_ != nullptr) {
    const std::lock_guard lock(controls_->mutex);
    if (controls_->next_error.has_value())
      return done(*std::exchange(controls_->next_error, std::nullopt));
  }
  ClassifyAnswer answer;
  for (const EmbedInput& input : request.inputs) {
    answer.tokens.push_back(3);
    answer.untruncated.push_back(4);
    const auto* pair = std::get_if<TextPair>(&input);
    if (facts_.labels.size() == 1 && pair != nullptr) {
      answer.scores.push_back(static_cast<float>(pair->second.size()) - 1);
      continue;
    }
    for (const float score : {0.25f, 0.75f}) {
      const bool raw = request.raw_scores || request.function == ScoreFunction::kNone;
      answer.scores.push_back(raw ? 2 * score : score);
    }
  }
  done(std::move(answer));
}

void FakeModel::Run(TokenScoresRequest request, const std::shared_ptr<ClientWatch>&,
                    Callback<TokenScoresAnswer> done) {
  TokenScoresAnswer answer;
  answer.texts.resize(request.inputs.size());
  answer.tokens.resize(request.inputs.size(), 3);
  done(std::move(answer));
}

void FakeModel::Run(FillMaskRequest request, const std::shared_ptr<ClientWatch>&,
                    Callback<FillMaskAnswer> done) {
  FillMaskAnswer answer;
  for (const EmbedInput& input : request.inputs) {
    FilledText text = {.ids = tokenizer_.Encode(std::get<std::string>(input), {}).ids,
                       .masks = {},
                       .fillings = {},
                       .padding = 0};
    for (size_t i = 0; i < text.ids.size(); ++i) {
      if (text.ids[i] == '_' || text.ids[i] == '[') text.masks.push_back(static_cast<uint32_t>(i));
    }
    if (text.masks.empty()) return done(Error{Code::kInvalidArgument, "no mask token"});
    for (size_t i = 0; i < text.masks.size() * request.top_k; ++i) {
      const size_t rank = i % request.top_k;
      text.fillings.push_back(
          {static_cast<int32_t>('a' + rank), 0.5f / static_cast<float>(1 << rank)});
    }
    answer.tokens.push_back(static_cast<uint32_t>(text.ids.size()));
    answer.untruncated.push_back(static_cast<uint32_t>(text.ids.size()) + 1);
    answer.texts.push_back(std::move(text));
  }
  done(std::move(answer));
}

FakeService::FakeService()
    : aside_(WorkLane::Start({.threads = 1}).value()), models_(ModelRegistry::Start().value()) {
  auto tiny = std::make_unique<FakeModel>(FakeModel::Facts("tiny"), &controls_);
  tiny_ = tiny.get();
  CHECK(models_->Add(std::move(tiny)).ok());
  status_.SetReady();
}

void FakeService::set_indexing(ModelIdentity identity, Chunker chunker) {
  tiny_->set_indexing(std::move(identity), std::move(chunker));
}

void FakeService::Unload() { CHECK(models_->Remove("tiny").ok()); }

void FakeService::set_next_error(Error error) {
  const std::lock_guard lock(controls_.mutex);
  controls_.next_error = std::move(error);
}

void FakeService::set_next_out_of_memory() {
  const std::lock_guard lock(controls_.mutex);
  controls_.next_out_of_memory = true;
}

void FakeService::set_hold(bool hold) {
  const std::lock_guard lock(controls_.mutex);
  controls_.hold = hold;
}

std::unique_ptr<FakeControls::Held> FakeService::TakeHeld() {
  std::unique_lock lock(controls_.mutex);
  controls_.held_changed.wait_for(lock, std::chrono::seconds(60),
                                  [this] { return controls_.held != nullptr; });
  return std::move(controls_.held);
}

EmbedRequest FakeService::last_request() {
  const std::lock_guard lock(controls_.mutex);
  return controls_.last_request;
}

}  // namespace minnow
