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
#include "models/encoder_stack.h"

namespace minnow {

class BatchForward : public EncoderPass {
 public:
  // All of this outlives it.
  BatchForward(const EncoderConfig& config, const EncoderWeights& weights, Dtype dtype,
               const Kernels& kernels, ThreadPool* pool);

  void Run(const TokenBatch& batch, TextSink& sink) override;
  size_t bytes() const override;

 private:
  void RunShared(const TokenBatch& batch, TextSink& sink);
  void RunOwn(const TokenBatch& batch, TextSink& sink, int member);
  bool ManyTexts(const TokenBatch& batch) const;
  TokenBatch Slice(const TokenBatch& batch, size_t first, size_t last,
                   std::vector<int32_t>& starts) const;

  const EncoderConfig& config_;
  const EncoderWeights& weights_;
  const Kernels& kernels_;
  ThreadPool* const pool_;
  EncoderActivations shared_;
  std::vector<EncoderActivations>
      own_;  // one a thread; the only thread of a pool of one uses own_[0]
  std::vector<std::vector<int32_t>> starts_;  // of the texts in progress, from 0; one a thread
  std::atomic<size_t> next_text_{0};
};

}  // namespace minnow
