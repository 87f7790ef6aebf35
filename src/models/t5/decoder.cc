// SPDX-License-Identifier: Apache-2.0
// The decoder's forward pass: self-attention over what was fed before, attention to the input, and
// the feed-forward, all pre-norm, then the vocabulary.
#include "models/t5/decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/t5/layers.h"

namespace minnow {
namespace {

struct Range {
  size_t begin;
  size_t end;
  size_t size() const { return end - begin; }
};

// One thread of a step. What a thread writes, others read after the next meeting only. Norms are
// made by each thread for itself, since a few rows take less time than a meeting.
class DecoderMember {
 public:
  DecoderMember(const T5Config& config, const T5Weights& weights, const Kernels& kernels,
                std::span<const T5Row> rows, T5Workspace& workspace, float* logits, int member,
                size_t first_part)
      : config_(config),
        weights_(weights),
        kernels_(kernels),
        rows_(rows),
        w_(workspace),
        own_(workspace.members[member]),
        logits_(logits),
        member_(member),
        x_(workspace.step_hidden[kSublayers * first_part % 2].data()),
        y_(workspace.step_hidden[(kSublayers * first_part + 1) % 2].data()) {}

  // Parts are the layers, and last the vocabulary's scores.
  void Run(size_t first, size_t last) {
    if (first == 0) Embed();
    for (size_t layer = first; layer < std::min(last, weights_.decoder.size()); ++layer) {
      SelfAttention(layer);
      CrossAttention(layer);
      FeedForward(weights_.decoder[layer].feed_forward);
    }
    if (last > weights_.decoder.size()) Vocabulary();
  }

 private:
  static constexpr size_t kSublayers = 3;  // each swaps what is read and what is written

  void Meet() const { w_.pool->barrier().Wait(); }

  Range Share(size_t count) const {
    const auto members = static_cast<size_t>(w_.pool->size());
    return {count * member_ / members, count * (member_ + 1) / members};
  }

  ConstRows X() const { return {x_, w_.model_stride}; }

  ConstRows Normed(const float* weight) const {
    T5Norm(kernels_, config_, weight, X(), rows_.size(), {own_.normed.data(), w_.model_stride});
    return {own_.normed.data(), w_.model_stride};
  }

  // This thread's columns of y = activation(x W^T) + residual.
  void Product(const Linear& linear, ConstRows x, MatmulActivation activation, ConstRows residual,
               Rows y) const {
    const Range panels = Share(PaddedColumns(linear.weights().out_features) / kPanelColumns);
    if (panels.size() == 0) return;
    const size_t first = panels.begin * kPanelColumns;
    linear.PrepareRows(kernels_, x, rows_.size(), own_.linear);
    if (residual.data != nullptr) residual.data += first;
    linear.ForwardColumns(kernels_, x, rows_.size(), first, panels.size() * kPanelColumns,
                          activation, residual, {y.data + first, y.stride}, own_.linear);
  }

  // The product that ends a sublayer, whose result the next one reads.
  void Add(const Linear& linear, ConstRows x) {
    Product(linear, x, kMatmulNone, X(), {y_, w_.model_stride});
    Meet();
    std::swap(x_, y_);
  }

  void Embed() const {
    const Range share = Share(rows_.size());
    for (size_t r = share.begin; r < share.end; ++r) {
      float* out = x_ + r * w_.model_stride;
      std::fill_n(out, config_.d_model, 0.0f);
      weights_.embedding.Add(kernels_, rows_[r].token, out);
    }
    Meet();
  }

  // Calls body(row, heads) for this thread's share of all heads of all rows.
  template <class Body>
  void ForHeads(const Body& body) const {
    const size_t heads = config_.num_heads;
    const Range share = Share(rows_.size() * heads);
    for (size_t at = share.begin; at < share.end;) {
      const size_t row = at / heads;
      const size_t end = std::min(share.end, (row + 1) * heads);
      body(row, Range{at - row * heads, end - row * heads});
      at = end;
    }
  }

  void SelfAttention(size_t layer) {
    const T5SelfAttentionWeights& attention = weights_.decoder[layer].attention;
    Product(attention.query_key_value, Normed(attention.norm), kMatmulNone, /*residual=*/{},
            {w_.step_qkv.data(), w_.qkv_stride});
    Meet();
    const PositionBias& bias = weights_.decoder_biases.of_block(layer);
    ForHeads([&](size_t r, Range heads) {
      T5Cache& cache = *rows_[r].cache;
      const T5Cache::Layer kept = cache.self(layer);
      kept.Keep(w_.step_qkv.data() + r * w_.qkv_stride + config_.inner(), config_.inner(),
                config_.d_kv, heads.begin, heads.end, cache.NextSlot(rows_[r].beam));
      const size_t position = w_.positions[r];
      Attend(r, heads, kept, w_.slots[r], position + 1, bias.From(position), bias.stride());
    });
    Meet();
    Add(attention.output, {w_.step_context.data(), w_.inner_stride});
  }

  // context = softmax(q K^T + bias) V, for some heads of one row
  void Attend(size_t r, Range heads, const T5Cache::Layer& kept, const uint32_t* slots,
              size_t length, const float* bias, size_t bias_stride) const {
    const size_t column = heads.begin * config_.d_kv;
    const size_t first = heads.begin * kept.head_stride;
    const CachedAttentionF32 args = {
        .q = w_.step_qkv.data() + r * w_.qkv_stride + column,
        .keys = kept.keys + first,
        .values = kept.values + first,
        .head_stride = kept.head_stride,
        .slots = slots,
        .length = length,
        .bias = bias == nullptr ? nullptr : bias + heads.begin * bias_stride,
        .bias_stride = bias_stride,
        .heads = heads.size(),
        .head_dim = static_cast<size_t>(config_.d_kv),
        .scale = 1.0f,
        .scores = own_.attention.data(),
        .context = w_.step_context.data() + r * w_.inner_stride + column};
    kernels_.cached_attention_f32(&args);
  }

  void CrossAttention(size_t layer) {
    const T5CrossAttentionWeights& cross = weights_.decoder[layer].cross;
    Product(cross.query, Normed(cross.norm), kMatmulNone, /*residual=*/{},
            {w_.step_qkv.data(), w_.qkv_stride});
    Meet();
    ForHeads([&](size_t r, Range heads) {
      T5Cache& cache = *rows_[r].cache;
      Attend(r, heads, cache.cross(layer), /*slots=*/nullptr, cache.input_tokens(),
             /*bias=*/nullptr, 0);
    });
    Meet();
    Add(cross.output, {w_.step_context.data(), w_.inner_stride});
  }

  void FeedForward(const T5FeedForwardWeights& feed_forward) {
    const Rows intermediate = {w_.step_intermediate.data(), w_.feed_forward_stride};
    Product(feed_forward.in, Normed(feed_forward.norm), T5TileActivation(config_), /*residual=*/{},
            intermediate);
    Meet();
    if (config_.gated) {
      const Range share = Share(config_.d_ff);
      T5Gate(kernels_, config_, intermediate, rows_.size(), share.begin, share.size());
      Meet();
    }
    Add(feed_forward.out, {intermediate.data, intermediate.stride});
  }

  void Vocabulary() const {
    const ConstRows last = Normed(weights_.decoder_norm);
    if (config_.scale_decoder_outputs) {
      const float scale = 1.0f / std::sqrt(static_cast<float>(config_.d_model));
      for (size_t r = 0; r < rows_.size(); ++r) {
        float* row = own_.normed.data() + r * w_.model_stride;
        for (int c = 0; c < config_.d_model; ++c) row[c] *= scale;
      }
    }
    Product(weights_.vocabulary, last, kMatmulNone, /*residual=*/{},
            {logits_, PaddedColumns(config_.vocab_size)});
  }

  const T5Config& config_;
  const T5Weights& weights_;
  const Kernels& kernels_;
  const std::span<const T5Row> rows_;
  T5Workspace& w_;
  T5Workspace::Member& own_;
  float* const logits_;
  const int member_;
  float* x_;  // [R, C]: what the sublayer reads
  float* y_;  // [R, C]: what it writes
};

}  // namespace

void T5Step(const T5Config& config, const T5Weights& weights, const Kernels& kernels,
            std::span<const T5Row> rows, T5Workspace& workspace, float* logits) {
  CHECK(rows.size() <= workspace.max_rows());
  for (size_t r = 0; r < rows.size(); ++r) {
    workspace.positions[r] = rows[r].cache->length();
    workspace.slots[r] = rows[r].cache->SlotsWithNext(rows[r].beam);
  }
  workspace.RunParts(weights.decoder.size() + 1, [&](int member, size_t first, size_t last) {
    DecoderMember(config, weights, kernels, rows, workspace, logits, member, first)
        .Run(first, last);
  });
  for (size_t r = 0; r < rows.size(); ++r) rows[r].cache->Advance(workspace.positions[r] + 1);
}

}  // namespace minnow
