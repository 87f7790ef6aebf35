// SPDX-License-Identifier: Apache-2.0
// FakeService: an EmbeddingService that computes nothing, for tests of the API.
//
// The vector of an input is [bytes or ids, 0, 0, 1], its tokens are one more than that. A token is
// a code point.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "serving/embedding_service.h"

namespace minnow {

class FakeTokenizer : public Tokenizer {
 public:
  static constexpr TokenId kSpecial = 1;

  Encoding Encode(std::string_view text, const EncodeOptions& options) const override;
  Encoding EncodePair(std::string_view first, std::string_view second,
                      const EncodeOptions& options) const override;
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const override;
  std::optional<std::string_view> IdToToken(TokenId id) const override;
  std::optional<TokenId> TokenToId(std::string_view token) const override;
  size_t vocab_size() const override { return 0x110000; }
  const char* type() const override { return "Fake"; }
};

class FakeService : public EmbeddingService {
 public:
  struct Held {
    std::shared_ptr<ClientWatch> client;
    EmbedCallback done;
  };

  FakeService();

  void set_status(ServiceStatus status);
  void set_loaded(bool loaded);
  // The next request fails so.
  void set_next_error(Error error);
  // The next request finds no memory.
  void set_next_out_of_memory();
  // Requests are kept for TakeHeld instead of being answered.
  void set_hold(bool hold);
  // Null when none comes within a minute.
  std::unique_ptr<Held> TakeHeld();
  EmbedRequest last_request();
  size_t aside_runs();

  ServiceStatus status() const override;
  const EmbeddingFacts* facts() const override;
  const Tokenizer* tokenizer() const override { return &tokenizer_; }
  size_t queued_inputs() const override { return 0; }
  void Embed(EmbedRequest request, const std::shared_ptr<ClientWatch>& client,
             EmbedCallback done) override;
  Status RunAside(std::function<void()> work) override;

 private:
  mutable std::mutex mutex_;
  std::condition_variable held_changed_;
  ServiceStatus status_{ServiceState::kReady, ""};
  bool loaded_ = true;
  bool hold_ = false;
  bool next_out_of_memory_ = false;
  std::unique_ptr<Held> held_;
  std::optional<Error> next_error_;
  EmbedRequest last_request_;
  size_t aside_runs_ = 0;
  EmbeddingFacts facts_;
  FakeTokenizer tokenizer_;
};

}  // namespace minnow
