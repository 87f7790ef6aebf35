// SPDX-License-Identifier: Apache-2.0
// T5Workspace: buffers of T5's forward passes, sized once. One for each thread that runs them.
//
// Letters: T tokens of a batch of texts, R rows of a decoder's step, C d_model, I inner size of
// attention, F d_ff (gated: twice that), L the most keys.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "models/t5/config.h"
#include "nn/linear.h"

namespace minnow {

// The most that a model is asked for, in tokens of one text and of one answer, the start among
// them. Its tables of position biases are as long.
struct T5Limits {
  size_t max_input_tokens = kMostT5Tokens;
  size_t max_output_tokens = 1024;
};

class T5Workspace {
 public:
  // Room for max_tokens of texts and max_rows of a step. `pool` runs the arithmetic and outlives
  // it. May throw std::bad_alloc.
  T5Workspace(const T5Config& config, Dtype dtype, const T5Limits& limits, size_t max_tokens,
              size_t max_rows, const Kernels& kernels, ThreadPool* pool);

  size_t max_tokens() const { return max_tokens_; }
  size_t max_rows() const { return max_rows_; }
  size_t bytes() const;

  // Runs body(member, first, last) on all members for the parts [first, last) of a pass: all of
  // them, or one at a time where something may go between.
  template <class Body>
  void RunParts(size_t parts, const Body& body) const {
    const size_t together = between_layers ? 1 : parts;
    for (size_t first = 0; first < parts; first += together) {
      if (first > 0) between_layers();
      pool->Run([&](int member) { body(member, first, first + together); });
    }
  }

  // Rows that go through an encoder layer's products together, at most: their activations stay in
  // the second-level cache while the weights stream by.
  static constexpr size_t kRowBlock = 96;

  // What one thread needs for itself.
  struct Member {
    AlignedBuffer<float> normed;        // [max(kRowBlock, R), C]: after a norm
    AlignedBuffer<float> sum;           // [kRowBlock, C]: after attention
    AlignedBuffer<float> intermediate;  // [kRowBlock, F]
    AlignedBuffer<float> projected;     // [kRowBlock, 3I]: cross keys and values; in bf16, a part
                                        // of queries, keys and values
    AlignedBuffer<float> attention;     // scratch of the attention kernels
    LinearScratch linear;               // rows in a lower precision
  };

  ThreadPool* const pool;
  // Null, or called between the layers of a pass, on the caller's thread: the pool is free then.
  std::function<void()> between_layers;
  const size_t model_stride;  // floats from row to row of [.., C]
  const size_t inner_stride;
  const size_t qkv_stride;
  const size_t key_value_stride;
  const size_t feed_forward_stride;
  std::vector<Member> members;

  AlignedBuffer<float> hidden;   // [T, C]
  AlignedBuffer<float> context;  // [T, I]
  // [T, 3I]. Two with several threads, used by even and odd layers: a thread that is ahead may
  // write the next layer's while another still reads this one's, so that one meeting a layer is
  // enough.
  AlignedBuffer<float> qkv[2];
  void (*attention)(const AttentionF32* args);

  // Of a step, shared by all threads.
  AlignedBuffer<float> step_hidden[2];     // [R, C]: what a sublayer reads and what it writes
  AlignedBuffer<float> step_qkv;           // [R, 3I]
  AlignedBuffer<float> step_context;       // [R, I]
  AlignedBuffer<float> step_intermediate;  // [R, F]
  std::vector<size_t> positions;           // [R]
  std::vector<const uint32_t*> slots;      // [R]: of the positions that a row attends to

 private:
  const size_t max_tokens_;
  const size_t max_rows_;
};

}  // namespace minnow
