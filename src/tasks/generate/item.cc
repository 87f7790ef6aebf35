// SPDX-License-Identifier: Apache-2.0
#include "tasks/generate/item.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "generation/scores.h"
#include "tasks/generate/clean_up.h"

namespace minnow {

GenerateItem::GenerateItem(const GenerateModel* model, const GenerateRequest* request,
                           const GenerationSettings* settings, std::vector<TokenId> input_ids,
                           size_t untruncated_tokens, GenerateLoad* load)
    : model_(*model), request_(*request), settings_(*settings), load_(load) {
  texts_.input_ids = std::move(input_ids);
  texts_.untruncated_tokens = untruncated_tokens;
}

size_t GenerateItem::MaxRows(const GenerationSettings& settings) {
  return std::max(settings.num_beams, settings.num_return_sequences);
}

// The last id is never fed, so max_length - 1 positions will do.
size_t GenerateItem::Bytes(const GenerateModel& model, const GenerationSettings& settings,
                           size_t input_tokens) {
  return T5Cache::Bytes(model.info().config, input_tokens, settings.max_length - 1,
                        MaxRows(settings)) +
         SearchBytes(settings, input_tokens);
}

void GenerateItem::Begin(Clock::time_point arrived) {
  constexpr double kMostSeconds = 1e6;  // no longer than a clock can count
  if (settings_.max_time) {
    const std::chrono::duration<double> seconds(std::min(*settings_.max_time, kMostSeconds));
    deadline_ = arrived + std::chrono::duration_cast<Clock::duration>(seconds);
  }
  search_ = NewSearch(settings_, input_ids());
  if (search_->can_stream()) {
    const size_t sequences = settings_.num_return_sequences;
    lengths_.assign(sequences, 1);
    if (request_.top_logprobs > 0) top_logprobs_.resize(sequences);
    if (model_.has_tokenizer() && (request_.on_piece || !request_.stop.empty())) {
      growing_.reserve(sequences);
      for (size_t s = 0; s < sequences; ++s) {
        growing_.emplace_back(&model_, request_.skip_special_tokens, request_.stop,
                              request_.keep_stop);
      }
    }
  }
  cache_ = std::make_unique<T5Cache>(model_.info().config, input_ids().size(),
                                     settings_.max_length - 1, MaxRows(settings_));
  if (load_ == nullptr) return;
  load_->running.fetch_add(1, std::memory_order_relaxed);
  load_->cache_bytes.fetch_add(bytes(), std::memory_order_relaxed);
}

void GenerateItem::CountTokens(size_t tokens) {
  if (load_ != nullptr) load_->new_tokens.fetch_add(tokens, std::memory_order_relaxed);
}

void GenerateItem::AddRows(std::vector<T5Row>* rows) {
  if (!search_->parents().empty()) cache_->Reorder(search_->parents());
  uint32_t beam = 0;
  for (const int32_t token : search_->tokens()) rows->push_back({cache_.get(), beam++, token});
}

void GenerateItem::Advance(float* logits, size_t stride) noexcept {
  try {
    AdvanceOrThrow(logits, stride);
  } catch (const std::bad_alloc&) {
    Fail({Code::kOverloaded, "out of memory"});
  } catch (const std::exception&) {
    Fail({Code::kInternal, "the stream's end failed"});
  }
}

GenerateItem::TopLogprobs GenerateItem::BestOf(std::span<const float> logits) const {
  BestContinuations best(request_.top_logprobs);
  best.OfferRow(logits, 0, 0);
  const float log_sum = LogSumExp(logits);
  TopLogprobs top;
  for (const Continuation& one : best.Take()) top.push_back({one.id, one.score - log_sum});
  return top;
}

void GenerateItem::AdvanceOrThrow(float* logits, size_t stride) {
  std::vector<TopLogprobs> tops;  // of each row
  if (!top_logprobs_.empty()) {
    for (size_t row = 0; row < rows(); ++row)
      tops.push_back(BestOf({logits + row * stride, model_.vocab_size()}));
  }
  if (deadline_ && Clock::now() >= *deadline_) search_->EndWithNext();
  search_->Advance(logits, stride);
  const bool first = !first_token_.has_value();
  if (first) first_token_ = Clock::now();
  size_t row = 0;
  for (size_t s = 0; s < lengths_.size(); ++s) {
    if (search_->ids(s).size() == lengths_[s]) continue;  // it had ended
    Grow(s, tops.empty() ? nullptr : &tops[row]);
    if (!first) ++row;  // in the first step all go on from one row
  }
  if (search_->done()) Collect();
}

void GenerateItem::Grow(size_t sequence, const TopLogprobs* top) {
  ++lengths_[sequence];
  CountTokens(1);
  if (top != nullptr) top_logprobs_[sequence].push_back(*top);
  if (!growing_.empty()) {
    growing_[sequence].Append(search_->ids(sequence).back());
    if (growing_[sequence].stopped()) search_->Stop(sequence);
    if (search_->done()) growing_[sequence].Finish();
  }
  if (request_.on_piece) SendPiece();
}

// Of the only sequence.
void GenerateItem::SendPiece() {
  GeneratedPiece piece;
  piece.ids = {search_->ids(0).back()};
  if (request_.logprobs) piece.logprobs = {search_->logprobs(0).back()};
  if (!top_logprobs_.empty()) piece.top_logprobs = {top_logprobs_[0].back()};
  if (!growing_.empty()) piece.text = growing_[0].Take();
  piece.last = search_->done();
  request_.on_piece(std::move(piece));
}

std::string GenerateItem::TextOf(size_t sequence, GeneratedText* text) {
  if (!model_.has_tokenizer()) return {};
  std::string whole = PlainTextOf(sequence, text);
  return request_.clean_up_spaces ? CleanUpSpaces(std::move(whole)) : whole;
}

std::string GenerateItem::PlainTextOf(size_t sequence, GeneratedText* text) {
  const auto finish = [text](GrowingText& growing) {
    growing.Finish();
    if (growing.stopped()) text->finish_reason = FinishReason::kStop;
    return growing.text();
  };
  if (!growing_.empty()) return finish(growing_[sequence]);
  if (request_.stop.empty()) return model_.Decode(text->ids, request_.skip_special_tokens);
  GrowingText growing(&model_, request_.skip_special_tokens, request_.stop, request_.keep_stop);
  for (const TokenId id : text->ids) growing.Append(id);
  return finish(growing);
}

void GenerateItem::Collect() {
  auto sequences = search_->Take();
  if (!sequences.ok()) return Fail(std::move(sequences).error());
  for (GeneratedSequence& sequence : *sequences) {
    const size_t s = texts_.sequences.size();
    GeneratedText& text = texts_.sequences.emplace_back();
    text.ids = std::move(sequence.ids);
    text.logprobs = std::move(sequence.logprobs);
    text.score = sequence.score;
    text.finish_reason = sequence.finish_reason;
    if (lengths_.empty()) CountTokens(text.new_tokens());
    if (!top_logprobs_.empty()) text.top_logprobs = std::move(top_logprobs_[s]);
    text.text = TextOf(s, &text);
  }
  Release();
}

void GenerateItem::Fail(Error error) noexcept {
  error_ = std::move(error);
  Release();
}

void GenerateItem::Release() noexcept {
  if (load_ != nullptr && cache_ != nullptr) {
    load_->running.fetch_sub(1, std::memory_order_relaxed);
    load_->cache_bytes.fetch_sub(bytes(), std::memory_order_relaxed);
  }
  done_ = true;
  cache_ = nullptr;
  search_ = nullptr;
  growing_.clear();
  top_logprobs_.clear();
  lengths_.clear();
}

}  // namespace minnow
