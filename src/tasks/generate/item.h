// SPDX-License-Identifier: Apache-2.0
// GenerateItem: one input of a GenerateJob, from its tokens to its texts.
//
//   item.Begin();                     // then its cache is filled by T5Model::Encode
//   while (!item.done()) {
//     item.AddRows(&rows);            // then T5Model::Step
//     item.Advance(logits, stride);
//   }
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "models/t5/t5_model.h"
#include "tasks/generate/generate.h"
#include "tasks/generate/growing_text.h"
#include "tasks/generate/load.h"

namespace minnow {

class GenerateItem {
 public:
  using Clock = Job::Clock;

  // All outlive this. `settings` are those of the request.
  GenerateItem(const GenerateModel* model, const GenerateRequest* request,
               const GenerationSettings* settings, std::vector<TokenId> input_ids,
               size_t untruncated_tokens, GenerateLoad* load);
  ~GenerateItem() { Release(); }
  GenerateItem(const GenerateItem&) = delete;
  GenerateItem& operator=(const GenerateItem&) = delete;

  const std::vector<TokenId>& input_ids() const { return texts_.input_ids; }
  // What Begin allocates, about.
  size_t bytes() const { return Bytes(model_, settings_, input_ids().size()); }
  static size_t Bytes(const GenerateModel& model, const GenerationSettings& settings,
                      size_t input_tokens);
  // The most rows of a step.
  static size_t MaxRows(const GenerationSettings& settings);

  // `arrived`: of the request, from which max_time counts. May throw std::bad_alloc.
  void Begin(Clock::time_point arrived);
  bool begun() const { return cache_ != nullptr || done(); }
  T5Cache* cache() { return cache_.get(); }
  size_t rows() const { return search_->rows(); }
  void AddRows(std::vector<T5Row>* rows);
  // logits: [rows, stride], of the rows that AddRows added. Overwritten.
  void Advance(float* logits, size_t stride) noexcept;

  // Its texts or its error are there, and the cache is not.
  bool done() const { return done_; }
  void Fail(Error error) noexcept;
  const std::optional<Error>& error() const { return error_; }
  // REQUIRES: done, without an error; once.
  GeneratedTexts Take() { return std::move(texts_); }
  std::optional<Clock::time_point> first_token() const { return first_token_; }

 private:
  using TopLogprobs = std::vector<TokenLogprob>;

  TopLogprobs BestOf(std::span<const float> logits) const;
  void AdvanceOrThrow(float* logits, size_t stride);
  // A sequence has one id more.
  void Grow(size_t sequence, const TopLogprobs* top);
  void CountTokens(size_t tokens);
  void SendPiece();
  // Takes the texts out of the search.
  void Collect();
  std::string TextOf(size_t sequence, GeneratedText* text);
  std::string PlainTextOf(size_t sequence, GeneratedText* text);
  void Release() noexcept;

  const GenerateModel& model_;
  const GenerateRequest& request_;
  const GenerationSettings& settings_;
  GenerateLoad* const load_;  // null: nobody counts
  GeneratedTexts texts_;
  std::unique_ptr<T5Cache> cache_;
  std::unique_ptr<Search> search_;
  // Below: of each sequence of a search that can stream.
  std::vector<size_t> lengths_;                         // ids so far
  std::vector<std::vector<TopLogprobs>> top_logprobs_;  // of each new id
  std::vector<GrowingText> growing_;  // empty where nobody looks at a text before its end
  bool done_ = false;
  std::optional<Error> error_;
  std::optional<Clock::time_point> first_token_;
  std::optional<Clock::time_point> deadline_;
};

}  // namespace minnow
