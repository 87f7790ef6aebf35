// SPDX-License-Identifier: Apache-2.0
// EncoderStack: what makes hidden states of token ids: the layers of BERT's family (models/bert) or
// T5's encoder (models/t5). It knows nothing of heads; they meet in a sink.
//
// Const after loading; may be used from any thread. Letter: C hidden size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "formats/packed.h"
#include "formats/tensor_source.h"
#include "models/token_batch.h"
#include "models/weights/calibration.h"
#include "nn/embedding_table.h"
#include "nn/linear.h"

namespace minnow {

// What is done with a text's hidden states; called once for each text, on any thread of the pool,
// maybe at the same time for different texts. `member` tells the thread's number in the pool.
class TextSink {
 public:
  virtual ~TextSink() = default;
  // hidden: [tokens, C]
  virtual void Take(size_t text, ConstRows hidden, size_t tokens, int member) = 0;
};

// The buffers of one thread that computes hidden states.
class EncoderPass {
 public:
  virtual ~EncoderPass() = default;
  // Any batch whose texts have at most the stack's tokens each. Allocates nothing. One call at a
  // time. The same text gives the same bits in any batch and on any pool.
  virtual void Run(const TokenBatch& batch, TextSink& sink) = 0;
  virtual size_t bytes() const = 0;
};

class EncoderStack {
 public:
  virtual ~EncoderStack() = default;
  // Where the weights are, and those of heads beside them.
  virtual const TensorSource& tensors() const = 0;
  // [vocab_size, C]; of models with embeddings of another width, that.
  virtual const EmbeddingTable& words() const = 0;
  virtual size_t weight_bytes() const = 0;  // packed weights, in memory or in the packed file
  // `pool` runs the arithmetic and outlives the pass. May throw std::bad_alloc.
  virtual std::unique_ptr<EncoderPass> NewPass(ThreadPool* pool) const = 0;
  // What such a pass holds, about.
  virtual size_t PassBytes(int threads) const = 0;
  // What calibrates int8 weights of this stack. REQUIRES: fp32; texts as for EncoderPass::Run.
  virtual Calibration MeasureInputs(std::span<const std::vector<int32_t>> texts) const = 0;
  // The weights as a packed file holds them; they borrow from the stack.
  virtual std::vector<PackedTensor> PackedTensors() const = 0;
};

}  // namespace minnow
