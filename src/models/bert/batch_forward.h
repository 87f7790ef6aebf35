// SPDX-License-Identifier: Apache-2.0
// BatchForward: the encoder over a whole batch, on all threads of a pool.
//
// Two ways to use several cores, chosen by the batch. Many texts: each thread takes the next few
// whole texts and runs all layers on its own, without waiting for anybody. Few texts: the rows of
// one text are split, and the threads meet once a layer. A text's bits are the same either way.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "models/bert/encoder.h"

namespace minnow {

// What is done with a text's hidden states; called once for each text, on any thread of the pool,
// maybe at the same time for different texts. `member` tells the thread's number in the pool.
class TextSink {
 public:
  virtual ~TextSink() = default;
  // hidden: [tokens, C]
  virtual void Take(size_t text, ConstRows hidden, size_t tokens, int member) = 0;
};

class BatchForward {
 public:
  // Room for any batch whose texts have at most max_sequence_tokens tokens each. `pool` outlives
  // it.
  BatchForward(const EncoderConfig& config, Dtype dtype, size_t max_sequence_tokens,
               const Kernels& kernels, ThreadPool* pool);

  // Allocates nothing. One call at a time.
  void Run(const EncoderWeights& weights, const TokenBatch& batch, TextSink& sink);

  size_t bytes() const;
  int members() const { return pool_->size(); }

 private:
  void RunShared(const EncoderWeights& weights, const TokenBatch& batch, TextSink& sink);
  void RunOwn(const EncoderWeights& weights, const TokenBatch& batch, TextSink& sink, int member);
  bool ManyTexts(const TokenBatch& batch) const;
  TokenBatch Slice(const TokenBatch& batch, size_t first, size_t last,
                   std::vector<int32_t>& starts) const;

  const EncoderConfig& config_;
  const Kernels& kernels_;
  ThreadPool* const pool_;
  EncoderActivations shared_;
  std::vector<EncoderActivations>
      own_;  // one a thread; the only thread of a pool of one uses own_[0]
  std::vector<std::vector<int32_t>> starts_;  // of the texts in progress, from 0; one a thread
  std::atomic<size_t> next_text_{0};
};

}  // namespace minnow
