// SPDX-License-Identifier: Apache-2.0
// PositionBias: what is added to attention's scores by how far the key lies from the query: T5's
// buckets, which MPNet has too.
//
// After compute_bias in
// https://github.com/huggingface/transformers/blob/v4.46.0/src/transformers/models/t5/modeling_t5.py
// Letters: H attention heads; T tokens of the longest text.
#pragma once

#include <cstddef>

#include "base/aligned_buffer.h"
#include "kernels/kernels.h"
#include "nn/embedding_table.h"

namespace minnow {

// Near distances have a bucket each, far ones share buckets by their logarithm.
struct DistanceBuckets {
  int count = 0;              // of both sides together; 0: there is no bias
  int max_distance = 128;     // from there on all share the last one
  bool bidirectional = true;  // false: no key after the query, which all fall into bucket 0

  // Of key position - query position. REQUIRES: that kMinDistanceBuckets <= count, and that half of
  // the buckets of one side are fewer than max_distance.
  int Of(int distance) const;
};

inline constexpr int kMinDistanceBuckets = 4;

class PositionBias {
 public:
  PositionBias() = default;  // none
  // table: [buckets.count, H]. May throw std::bad_alloc.
  PositionBias(const Kernels& kernels, const DistanceBuckets& buckets, const EmbeddingTable& table,
               size_t max_tokens);

  // For queries from position `query` of a text on, as AttentionF32::bias takes it; null: none.
  // REQUIRES: query < T
  const float* From(size_t query) const {
    return bias_.size() == 0 ? nullptr : bias_.data() + max_tokens_ - 1 - query;
  }
  size_t stride() const { return max_tokens_ == 0 ? 0 : 2 * max_tokens_ - 1; }
  size_t bytes() const { return bias_.size_bytes(); }

 private:
  size_t max_tokens_ = 0;      // T
  AlignedBuffer<float> bias_;  // [H, 2T - 1]: by distance from 1 - T on
};

}  // namespace minnow
