// SPDX-License-Identifier: Apache-2.0
// FakeModel: a model that computes nothing; and FakeService: all that routes work with, and one
// such model, "tiny". For tests of the API.
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
#include <vector>

#include "engine/work_lane.h"
#include "serving/model_registry.h"
#include "serving/service_status.h"

namespace minnow {

class FakeTokenizer : public Tokenizer {
 public:
  static constexpr TokenId kSpecial = 1;

  Encoding Encode(std::string_view text, const EncodeOptions& options) const override;
  Encoding EncodePair(std::string_view first, std::string_view second,
                      const EncodeOptions& options) const override;
  std::vector<Encoding> EncodeWindows(std::string_view first, const std::string_view*,
                                      const EncodeOptions& options,
                                      const WindowOptions&) const override {
    return {Encode(first, options)};
  }
  std::string Join(std::vector<std::string>) const override { return {}; }
  std::optional<TokenId> unknown_id() const override { return {}; }
  bool has_subword_prefix() const override { return false; }
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const override;
  std::optional<std::string_view> IdToToken(TokenId id) const override;
  std::optional<TokenId> TokenToId(std::string_view token) const override;
  size_t vocab_size() const override { return 0x110000; }
  const char* type() const override { return "Fake"; }
  const std::vector<std::string>& warnings() const override { return warnings_; }

 private:
  const std::vector<std::string> warnings_;
};

// What a test sets, and looks at. Any thread.
struct FakeControls {
  struct Held {
    std::shared_ptr<ClientWatch> client;
    LoadedModel::Callback<EmbedAnswer> done;
  };

  std::mutex mutex;
  std::condition_variable held_changed;
  bool hold = false;
  bool next_out_of_memory = false;
  std::unique_ptr<Held> held;
  std::optional<Error> next_error;
  EmbedRequest last_request;
};

class FakeModel : public LoadedModel {
 public:
  // A text of which it makes no vector.
  static constexpr const char* kRefused = "unspeakable";
  static ModelFacts Facts(std::string name);

  // `controls` may be null.
  FakeModel(ModelFacts facts, FakeControls* controls, bool has_tokenizer = true)
      : LoadedModel(std::move(facts)), controls_(controls), has_tokenizer_(has_tokenizer) {}
  ~FakeModel() override = default;

  // Before the model is shared, or while nobody else looks.
  void set_indexing(ModelIdentity identity, Chunker chunker) {
    indexing_ = IndexingFacts{std::move(identity), std::move(chunker)};
  }

  const Tokenizer* tokenizer() const override { return has_tokenizer_ ? &tokenizer_ : nullptr; }
  ModelLoad load() const override { return {}; }
  void Run(EmbedRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<EmbedAnswer> done) override;
  // Each input has the same scores; raw ones are twice as high. With one label, a pair has the
  // bytes of its second text less one.
  void Run(ClassifyRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<ClassifyAnswer> done) override;
  // Of each input no window was read.
  void Run(TokenScoresRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<TokenScoresAnswer> done) override;
  // A mask is a '_' or a '['; it is 'a' with the score 0.5, 'b' with 0.25, and so on.
  void Run(FillMaskRequest request, const std::shared_ptr<ClientWatch>& client,
           Callback<FillMaskAnswer> done) override;
  void Stop() override {}

 private:
  FakeControls* const controls_;
  const bool has_tokenizer_;
  FakeTokenizer tokenizer_;
};

class FakeService {
 public:
  FakeService();

  ModelRegistry& models() { return *models_; }
  ServiceStatus& status() { return status_; }
  WorkLane& aside() { return *aside_; }

  void set_status(ServiceState state, std::string message) {
    status_.Set(state, std::move(message));
  }
  // "tiny" is the model that an index is made with.
  void set_indexing(ModelIdentity identity, Chunker chunker);
  void Unload();
  // The next request fails so.
  void set_next_error(Error error);
  // The next request finds no memory.
  void set_next_out_of_memory();
  // Requests are kept for TakeHeld instead of being answered.
  void set_hold(bool hold);
  // Null when none comes within a minute.
  std::unique_ptr<FakeControls::Held> TakeHeld();
  EmbedRequest last_request();

 private:
  FakeControls controls_;
  ServiceStatus status_;
  FakeModel* tiny_ = nullptr;
  std::unique_ptr<WorkLane> aside_;
  std::unique_ptr<ModelRegistry> models_;
};

}  // namespace minnow
