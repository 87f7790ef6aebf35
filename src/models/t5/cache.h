// SPDX-License-Identifier: Apache-2.0
// T5Cache: what a decoder keeps of one request: keys and values of its input, once for all beams,
// and those of every position of its beams.
//
// Letters: H heads, D d_kv, T input tokens, B beams, S slots (positions times beams). The slot of
// position t and beam b is t * B + b; what a beam saw before is a list of slots, so beams move
// without their keys and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/aligned_buffer.h"
#include "models/t5/config.h"

namespace minnow {

class T5Cache {
 public:
  // Of one layer. Key (and value) of head h and slot s: [D] at h * head_stride + s * D.
  struct Layer {
    float* keys;
    float* values;
    size_t head_stride;

    // Puts the key and the value of one token's heads [first_head, last_head) into its slot. key:
    // [H, D]; the values begin `inner` floats after it.
    void Keep(const float* key, size_t inner, size_t head_dim, size_t first_head, size_t last_head,
              size_t slot) const;
  };

  // Room for max_length positions of each beam; all are at least 1. Allocates all that it will
  // ever need, pages of which become resident as they are used. May throw std::bad_alloc.
  // REQUIRES: max_length * beams < 2^32
  T5Cache(const T5Config& config, size_t input_tokens, size_t max_length, size_t beams);

  // What such a cache takes when it is full, for admission.
  static size_t Bytes(const T5Config& config, size_t input_tokens, size_t max_length, size_t beams);

  size_t input_tokens() const { return input_tokens_; }
  size_t max_length() const { return max_length_; }
  size_t beams() const { return beams_; }
  size_t length() const { return length_; }  // positions that were fed

  // Beam b becomes what beam parents[b] was. parents: at most B, each below B.
  void Reorder(std::span<const uint32_t> parents);

  Layer cross(size_t layer);
  Layer self(size_t layer);
  // The slot that the next position of a beam is written to.
  size_t NextSlot(size_t beam) const { return length_ * beams_ + beam; }
  // What that beam attends to: slots of its positions, the next one among them; null: slot t is
  // that of position t. REQUIRES: length() < max_length()
  const uint32_t* SlotsWithNext(size_t beam);
  // Counts the next position as fed.
  void Advance(size_t length) { length_ = length; }

 private:
  const size_t heads_;
  const size_t head_dim_;
  const size_t input_tokens_;
  const size_t max_length_;
  const size_t beams_;
  size_t length_ = 0;
  AlignedBuffer<float> cross_;     // [layers][keys, values][H][T][D]
  AlignedBuffer<float> self_;      // [layers][keys, values][H][S][D]
  AlignedBuffer<uint32_t> slots_;  // [B][max_length]; none of a single beam
  AlignedBuffer<uint32_t> spare_;  // likewise: where Reorder writes
};

}  // namespace minnow
