// SPDX-License-Identifier: Apache-2.0
// How a batch is shared among threads.
#include "models/bert/batch_forward.h"

#include <algorithm>

namespace minnow {
namespace {

// Texts that go through the layers together have about this many tokens: enough to hide the
// streaming of the weights, few enough that the activations stay near the core.
constexpr size_t kOwnTokens = 512;
// When the rows are split, each thread has this many.
constexpr size_t kSharedTokensPerThread = 512;

size_t SharedTokens(size_t max_sequence_tokens, int threads) {
  if (threads == 1) return 0;
  return std::max(max_sequence_tokens, kSharedTokensPerThread * threads);
}

}  // namespace

BatchForward::BatchForward(const EncoderConfig& config, const EncoderWeights& weights, Dtype dtype,
                           const Kernels& kernels, ThreadPool* pool)
    : config_(config),
      weights_(weights),
      kernels_(kernels),
      pool_(pool),
      shared_(config, dtype, SharedTokens(config.max_sequence_tokens(), pool->size()),
              config.max_sequence_tokens(), kernels, pool->size()) {
  const size_t max_sequence_tokens = config.max_sequence_tokens();
  const size_t own_tokens = std::max(max_sequence_tokens, kOwnTokens);
  for (int i = 0; i < pool->size(); ++i) {
    own_.emplace_back(config, dtype, own_tokens, max_sequence_tokens, kernels, /*threads=*/1);
    // As many texts as the tokens allow, each having one at least.
    starts_.emplace_back(std::max(own_tokens, shared_.max_tokens()) + 1);
  }
}

size_t BatchForward::bytes() const {
  size_t total = shared_.bytes();
  for (const EncoderActivations& own : own_) total += own.bytes();
  for (const auto& starts : starts_) total += starts.size() * sizeof(int32_t);
  return total;
}

// Whether the threads would be about equally busy with whole texts: each gets several turns.
bool BatchForward::ManyTexts(const TokenBatch& batch) const {
  const size_t threads = pool_->size();
  if (threads == 1) return true;
  if (batch.texts() < 4 * threads) return false;
  size_t longest = 0;
  for (size_t i = 0; i < batch.texts(); ++i) {
    longest = std::max<size_t>(longest, batch.starts[i + 1] - batch.starts[i]);
  }
  return batch.tokens() >= 4 * threads * longest;
}

TokenBatch BatchForward::Slice(const TokenBatch& batch, size_t first, size_t last,
                               std::vector<int32_t>& starts) const {
  const int32_t begin = batch.starts[first];
  for (size_t i = first; i <= last; ++i) starts[i - first] = batch.starts[i] - begin;
  const size_t tokens = batch.starts[last] - begin;
  return {
      .ids = batch.ids.subspan(begin, tokens),
      .starts = std::span<const int32_t>(starts.data(), last - first + 1),
      .type_ids = batch.type_ids.empty() ? batch.type_ids : batch.type_ids.subspan(begin, tokens),
      .unpooled = {}};
}

namespace {

// The end of a run of whole texts from `first` on with at most `most` tokens, or of one text.
size_t EndOfRun(const TokenBatch& batch, size_t first, size_t most) {
  size_t last = first + 1;
  while (last < batch.texts() &&
         static_cast<size_t>(batch.starts[last + 1] - batch.starts[first]) <= most)
    ++last;
  return last;
}

void Give(const TokenBatch& slice, size_t first_text, const EncoderActivations& activations,
          TextSink& sink, int member) {
  for (size_t i = 0; i < slice.texts(); ++i) {
    const size_t start = slice.starts[i];
    sink.Take(
        first_text + i,
        {activations.hidden.data() + start * activations.hidden_stride, activations.hidden_stride},
        slice.starts[i + 1] - start, member);
  }
}

}  // namespace

void BatchForward::RunOwn(const TokenBatch& batch, TextSink& sink, int member) {
  EncoderActivations& own = own_[member];
  // A turn: enough turns for all threads to end together, within what fits.
  const size_t turn = std::clamp<size_t>(batch.tokens() / (4 * pool_->size()), 1, own.max_tokens());
  const size_t most = pool_->size() == 1 ? own.max_tokens() : turn;
  size_t first = next_text_.load(std::memory_order_relaxed);
  while (first < batch.texts()) {
    const size_t last = EndOfRun(batch, first, most);
    if (!next_text_.compare_exchange_weak(first, last, std::memory_order_relaxed)) continue;
    const TokenBatch slice = Slice(batch, first, last, starts_[member]);
    EncoderForwardAlone(config_, weights_, kernels_, slice, own);
    Give(slice, first, own, sink, member);
    first = next_text_.load(std::memory_order_relaxed);
  }
}

void BatchForward::RunShared(const TokenBatch& batch, TextSink& sink) {
  for (size_t first = 0; first < batch.texts();) {
    const size_t last = EndOfRun(batch, first, shared_.max_tokens());
    const TokenBatch slice = Slice(batch, first, last, starts_[0]);
    EncoderForward(config_, weights_, kernels_, slice, *pool_, shared_);
    Give(slice, first, shared_, sink, /*member=*/0);
    first = last;
  }
}

void BatchForward::Run(const TokenBatch& batch, TextSink& sink) {
  if (!ManyTexts(batch)) {
    RunShared(batch, sink);
    return;
  }
  next_text_.store(0, std::memory_order_relaxed);
  if (pool_->size() == 1) {
    RunOwn(batch, sink, 0);
    return;
  }
  pool_->Run([&](int member) { RunOwn(batch, sink, member); });
}

}  // namespace minnow
