// SPDX-License-Identifier: Apache-2.0
// The encoder's forward pass: pre-norm blocks, a bias by distance, scores without a scale.
#include "models/t5/encoder.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "models/t5/layers.h"

namespace minnow {
namespace {

// To nearest, ties to even, as the kernels round finite numbers.
float RoundedToBf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7FFFu + (bits >> 16 & 1u)) & 0xFFFF0000u);
}

// The forward pass of one thread: rows [begin, end) of the batch go through everything but
// attention, which reads the keys and values of all rows of the same text.
class EncoderMember {
 public:
  EncoderMember(const T5Config& config, const T5Weights& weights, const Kernels& kernels,
                const TokenBatch& batch, std::span<T5Cache* const> caches, T5Workspace& workspace,
                int member, int members)
      : config_(config),
        weights_(weights),
        kernels_(kernels),
        batch_(batch),
        caches_(caches),
        w_(workspace),
        own_(workspace.members[member]),
        begin_(batch.tokens() * member / members),
        end_(batch.tokens() * (member + 1) / members) {}

  // Parts are the layers, and last the norm and what the decoder attends to.
  void Run(size_t first, size_t last) {
    if (first == 0) {
      Embed();
      ForBlocks([&](size_t row, size_t rows) { QueryKeyValue(0, row, rows); });
    }
    for (size_t layer = first; layer < std::min(last, weights_.encoder.size()); ++layer) {
      w_.pool->barrier().Wait();
      Attention(layer);
      ForBlocks([&](size_t row, size_t rows) {
        FeedForward(weights_.encoder[layer], row, rows);
        if (layer + 1 < weights_.encoder.size()) QueryKeyValue(layer + 1, row, rows);
      });
    }
    if (last <= weights_.encoder.size()) return;
    T5Norm(kernels_, config_, weights_.encoder_norm, ConstHidden(begin_), end_ - begin_,
           Hidden(begin_));
    for (size_t layer = 0; layer < weights_.decoder.size() && !caches_.empty(); ++layer)
      ForBlocks([&](size_t row, size_t rows) { CrossKeyValue(layer, row, rows); });
  }

 private:
  template <class Body>
  void ForBlocks(const Body& body) const {
    for (size_t row = begin_; row < end_; row += T5Workspace::kRowBlock)
      body(row, std::min(T5Workspace::kRowBlock, end_ - row));
  }
  Rows Hidden(size_t row) const {
    return {w_.hidden.data() + row * w_.model_stride, w_.model_stride};
  }
  ConstRows ConstHidden(size_t row) const {
    return {w_.hidden.data() + row * w_.model_stride, w_.model_stride};
  }
  ConstRows Normed(const float* weight, ConstRows x, size_t rows) const {
    T5Norm(kernels_, config_, weight, x, rows, {own_.normed.data(), w_.model_stride});
    return {own_.normed.data(), w_.model_stride};
  }
  float* Qkv(size_t layer) const { return w_.qkv[w_.qkv[1].size() == 0 ? 0 : layer % 2].data(); }

  void Embed() const {
    for (size_t t = begin_; t < end_; ++t) {
      float* out = Hidden(t).data;
      std::fill_n(out, config_.d_model, 0.0f);
      weights_.embedding.Add(kernels_, batch_.ids[t], out);
    }
  }

  void QueryKeyValue(size_t layer, size_t row, size_t rows) const {
    const T5SelfAttentionWeights& attention = weights_.encoder[layer].attention;
    const ConstRows x = Normed(attention.norm, ConstHidden(row), rows);
    const Rows y = {Qkv(layer) + row * w_.qkv_stride, w_.qkv_stride};
    if (attention.query_key_value.weights().dtype == Dtype::kBF16) {
      PreciseQueryKeyValue(attention.query_key_value, x, rows, y);
    } else {
      attention.query_key_value.Forward(kernels_, x, rows, kMatmulNone, /*residual=*/{}, y,
                                        own_.linear);
    }
  }

  // The product in bf16, to which what rounding takes from x is added by a second one: scores are
  // not divided by the square root of d_kv, and softmax multiplies what is wrong with large ones
  // (docs/decisions/0085-queries-and-keys-of-t5.md).
  void PreciseQueryKeyValue(const Linear& product, ConstRows x, size_t rows, Rows y) const {
    const Rows rest = {own_.sum.data(), w_.model_stride};
    for (size_t r = 0; r < rows; ++r) {
      const float* from = x.data + r * x.stride;
      float* to = rest.data + r * rest.stride;
      for (size_t c = 0; c < static_cast<size_t>(config_.d_model); ++c)
        to[c] = from[c] - RoundedToBf16(from[c]);
    }
    const Rows added = {own_.projected.data(), w_.qkv_stride};
    product.Forward(kernels_, {rest.data, rest.stride}, rows, kMatmulNone, /*residual=*/{}, added,
                    own_.linear);
    product.Forward(kernels_, x, rows, kMatmulNone, {added.data, added.stride}, y, own_.linear);
  }

  // context = softmax(Q K^T + bias) V, for this thread's queries of each text
  void Attention(size_t layer) const {
    const float* qkv = Qkv(layer);
    const size_t inner = config_.inner();
    const PositionBias& bias = weights_.encoder_biases.of_block(layer);
    for (size_t text = 0; text < batch_.texts(); ++text) {
      const size_t first = batch_.starts[text], last = batch_.starts[text + 1];
      const size_t query = std::max(first, begin_), query_end = std::min(last, end_);
      if (query >= query_end) continue;
      const AttentionF32 args = {.q = qkv + query * w_.qkv_stride,
                                 .k = qkv + first * w_.qkv_stride + inner,
                                 .v = qkv + first * w_.qkv_stride + 2 * inner,
                                 .qkv_stride = w_.qkv_stride,
                                 .context = w_.context.data() + query * w_.inner_stride,
                                 .context_stride = w_.inner_stride,
                                 .queries = query_end - query,
                                 .length = last - first,
                                 .heads = static_cast<size_t>(config_.num_heads),
                                 .head_dim = static_cast<size_t>(config_.d_kv),
                                 .scale = 1.0f,
                                 .scratch = own_.attention.data(),
                                 .bias = bias.From(query - first),
                                 .bias_stride = bias.stride()};
      w_.attention(&args);
    }
  }

  // sum = hidden + context W_o; hidden = sum + feed-forward(norm(sum))
  void FeedForward(const T5EncoderBlock& block, size_t row, size_t rows) const {
    const ConstRows context = {w_.context.data() + row * w_.inner_stride, w_.inner_stride};
    const ConstRows sum = {own_.sum.data(), w_.model_stride};
    block.attention.output.Forward(kernels_, context, rows, kMatmulNone, ConstHidden(row),
                                   {own_.sum.data(), w_.model_stride}, own_.linear);
    const Rows intermediate = {own_.intermediate.data(), w_.feed_forward_stride};
    block.feed_forward.in.Forward(kernels_, Normed(block.feed_forward.norm, sum, rows), rows,
                                  T5TileActivation(config_), /*residual=*/{}, intermediate,
                                  own_.linear);
    if (config_.gated) T5Gate(kernels_, config_, intermediate, rows, 0, config_.d_ff);
    block.feed_forward.out.Forward(kernels_, {intermediate.data, intermediate.stride}, rows,
                                   kMatmulNone, sum, Hidden(row), own_.linear);
  }

  void CrossKeyValue(size_t layer, size_t row, size_t rows) const {
    weights_.decoder[layer].cross.key_value.Forward(
        kernels_, ConstHidden(row), rows, kMatmulNone, /*residual=*/{},
        {own_.projected.data(), w_.key_value_stride}, own_.linear);
    const auto after =
        std::upper_bound(batch_.starts.begin(), batch_.starts.end(), static_cast<int32_t>(row));
    size_t text = static_cast<size_t>(after - batch_.starts.begin()) - 1;
    for (size_t r = 0; r < rows; ++r) {
      const size_t t = row + r;
      while (t >= static_cast<size_t>(batch_.starts[text + 1])) ++text;
      caches_[text]->cross(layer).Keep(own_.projected.data() + r * w_.key_value_stride,
                                       config_.inner(), config_.d_kv, 0, config_.num_heads,
                                       t - batch_.starts[text]);
    }
  }

  const T5Config& config_;
  const T5Weights& weights_;
  const Kernels& kernels_;
  const TokenBatch& batch_;
  const std::span<T5Cache* const> caches_;
  T5Workspace& w_;
  T5Workspace::Member& own_;
  const size_t begin_;
  const size_t end_;
};

}  // namespace

void T5Encode(const T5Config& config, const T5Weights& weights, const Kernels& kernels,
              const TokenBatch& batch, std::span<T5Cache* const> caches, T5Workspace& workspace) {
  CHECK(batch.tokens() <= workspace.max_tokens());
  CHECK(caches.empty() || caches.size() == batch.texts());
  for (size_t text = 0; text < caches.size(); ++text) {
    CHECK(caches[text]->input_tokens() ==
          static_cast<size_t>(batch.starts[text + 1] - batch.starts[text]));
  }
  workspace.RunParts(weights.encoder.size() + 1, [&](int member, size_t first, size_t last) {
    EncoderMember(config, weights, kernels, batch, caches, workspace, member,
                  workspace.pool->size())
        .Run(first, last);
  });
}

}  // namespace minnow
