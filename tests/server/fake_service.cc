// SPDX-License-Identifier: Apache-2.0
// FakeService: answers at once, on the caller's thread.
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

FakeService::FakeService() {
  facts_.model_id = "tiny";
  facts_.embedding_dtype = "int4";
  facts_.quality = {64, 0.9975, 0.5};
  facts_.dtype = "fp32";
  facts_.pooling = "mean";
  facts_.embedding_size = kSize;
  facts_.max_sequence_tokens = 256;
}

void FakeService::set_status(ServiceStatus status) {
  const std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

void FakeService::set_loaded(bool loaded) {
  const std::lock_guard lock(mutex_);
  loaded_ = loaded;
}

void FakeService::set_next_error(Error error) {
  const std::lock_guard lock(mutex_);
  next_error_ = std::move(error);
}

void FakeService::set_next_out_of_memory() {
  const std::lock_guard lock(mutex_);
  next_out_of_memory_ = true;
}

void FakeService::set_hold(bool hold) {
  const std::lock_guard lock(mutex_);
  hold_ = hold;
}

std::unique_ptr<FakeService::Held> FakeService::TakeHeld() {
  std::unique_lock lock(mutex_);
  held_changed_.wait_for(lock, std::chrono::seconds(60), [this] { return held_ != nullptr; });
  return std::move(held_);
}

EmbedRequest FakeService::last_request() {
  const std::lock_guard lock(mutex_);
  return last_request_;
}

size_t FakeService::aside_runs() {
  const std::lock_guard lock(mutex_);
  return aside_runs_;
}

ServiceStatus FakeService::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

const EmbeddingFacts* FakeService::facts() const {
  const std::lock_guard lock(mutex_);
  return loaded_ ? &facts_ : nullptr;
}

void FakeService::Embed(EmbedRequest request, const std::shared_ptr<ClientWatch>& client,
                        EmbedCallback done) {
  EmbedAnswer answer;
  for (const EmbedInput& input : request.inputs) {
    const size_t size = std::visit([](const auto& list) { return list.size(); }, input);
    answer.vectors.insert(answer.vectors.end(), {static_cast<float>(size), 0, 0, 1});
    answer.tokens.push_back(static_cast<uint32_t>(size) + 1);
  }
  std::optional<Error> error;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(next_out_of_memory_, false)) throw std::bad_alloc();
    last_request_ = std::move(request);
    if (hold_) {
      held_ = std::make_unique<Held>(Held{client, std::move(done)});
      held_changed_.notify_all();
      return;
    }
    error = std::exchange(next_error_, std::nullopt);
  }
  if (error.has_value()) {
    done(*std::move(error));
  } else {
    done(std::move(answer));
  }
}

Status FakeService::RunAside(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    ++aside_runs_;
  }
  work();
  return {};
}

}  // namespace minnow
