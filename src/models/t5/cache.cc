// SPDX-License-Identifier: Apache-2.0
// Where keys and values lie.
#include "models/t5/cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace minnow {
namespace {

// Keys and values of all layers at that many positions.
size_t Floats(const T5Config& config, size_t positions) {
  return static_cast<size_t>(config.num_decoder_layers) * 2 * config.inner() * positions;
}

size_t SlotNumbers(size_t max_length, size_t beams) { return beams == 1 ? 0 : max_length * beams; }

T5Cache::Layer LayerOf(float* data, size_t layer, size_t heads, size_t head_dim, size_t positions) {
  const size_t floats = heads * positions * head_dim;
  float* keys = data + layer * 2 * floats;
  return {keys, keys + floats, positions * head_dim};
}

}  // namespace

void T5Cache::Layer::Keep(const float* key, size_t inner, size_t head_dim, size_t first_head,
                          size_t last_head, size_t slot) const {
  for (size_t head = first_head; head < last_head; ++head) {
    const float* of_head = key + head * head_dim;
    const size_t at = head * head_stride + slot * head_dim;
    std::memcpy(keys + at, of_head, head_dim * sizeof(float));
    std::memcpy(values + at, of_head + inner, head_dim * sizeof(float));
  }
}

T5Cache::T5Cache(const T5Config& config, size_t input_tokens, size_t max_length, size_t beams)
    : heads_(config.num_heads),
      head_dim_(config.d_kv),
      input_tokens_(input_tokens),
      max_length_(max_length),
      beams_(beams),
      cross_(Floats(config, input_tokens)),
      self_(Floats(config, max_length * beams)),
      slots_(SlotNumbers(max_length, beams)),
      spare_(SlotNumbers(max_length, beams)) {
  CHECK(input_tokens >= 1 && max_length >= 1 && beams >= 1);
  CHECK(max_length * beams <= UINT32_MAX);
}

size_t T5Cache::Bytes(const T5Config& config, size_t input_tokens, size_t max_length,
                      size_t beams) {
  return (Floats(config, input_tokens) + Floats(config, max_length * beams)) * sizeof(float) +
         2 * SlotNumbers(max_length, beams) * sizeof(uint32_t);
}

void T5Cache::Reorder(std::span<const uint32_t> parents) {
  CHECK(parents.size() <= beams_);
  if (beams_ == 1) return;
  for (size_t beam = 0; beam < parents.size(); ++beam) {
    CHECK(parents[beam] < beams_);
    std::copy_n(slots_.data() + parents[beam] * max_length_, length_,
                spare_.data() + beam * max_length_);
  }
  std::swap(slots_, spare_);
}

T5Cache::Layer T5Cache::cross(size_t layer) {
  return LayerOf(cross_.data(), layer, heads_, head_dim_, input_tokens_);
}

T5Cache::Layer T5Cache::self(size_t layer) {
  return LayerOf(self_.data(), layer, heads_, head_dim_, max_length_ * beams_);
}

const uint32_t* T5Cache::SlotsWithNext(size_t beam) {
  CHECK(beam < beams_ && length_ < max_length_);
  if (beams_ == 1) return nullptr;
  uint32_t* slots = slots_.data() + beam * max_length_;
  slots[length_] = static_cast<uint32_t>(NextSlot(beam));
  return slots;
}

}  // namespace minnow
