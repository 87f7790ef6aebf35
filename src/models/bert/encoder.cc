// SPDX-License-Identifier: Apache-2.0
// The forward pass of the BERT family.
#include "models/bert/encoder.h"

#include <algorithm>
#include <cmath>

#include "nn/attention.h"

namespace minnow {
namespace {

// Rows that go through a layer's products together, at most: their activations stay in the
// second-level cache while the weights stream by.
constexpr size_t kRowBlock = 96;

// Rows of each block when `rows` are shared out evenly, for a last block of a few rows would read
// all the weights for little; a multiple of the usual tile's rows.
size_t EvenBlock(size_t rows) {
  constexpr size_t kTileRows = 6;
  const size_t blocks = std::max<size_t>(1, (rows + kRowBlock - 1) / kRowBlock);
  const size_t even = (rows + blocks - 1) / blocks;
  return std::clamp<size_t>((even + kTileRows - 1) / kTileRows * kTileRows, kTileRows, kRowBlock);
}

// The forward pass of one thread: rows [begin, end) of the batch go through everything but
// attention, which reads the keys and values of all rows of the same text.
class Member {
 public:
  Member(const EncoderConfig& config, const EncoderWeights& weights, const Kernels& kernels,
         const TokenBatch& batch, EncoderActivations& activations, int member, int members)
      : config_(config),
        weights_(weights),
        kernels_(kernels),
        batch_(batch),
        a_(activations),
        own_(activations.members[member]),
        begin_(batch.tokens() * member / members),
        end_(batch.tokens() * (member + 1) / members),
        block_(EvenBlock(end_ - begin_)) {}

  // barrier: the meeting point of all members, or null for one alone
  void Run(SpinBarrier* barrier) {
    Embed();
    for (size_t row = begin_; row < end_; row += block_) QueryKeyValue(0, row);
    const int steps = config_.layer_steps();
    for (int step = 0; step < steps; ++step) {
      if (barrier != nullptr) barrier->Wait();
      Attention(step);
      for (size_t row = begin_; row < end_; row += block_) {
        FeedForward(Layer(step), row);
        if (step + 1 < steps) QueryKeyValue(step + 1, row);
      }
    }
  }

 private:
  size_t BlockRows(size_t row) const { return std::min(block_, end_ - row); }
  Rows Hidden(size_t row) const {
    return {a_.hidden.data() + row * a_.hidden_stride, a_.hidden_stride};
  }
  ConstRows ConstHidden(size_t row) const {
    return {a_.hidden.data() + row * a_.hidden_stride, a_.hidden_stride};
  }
  const EncoderLayerWeights& Layer(int step) const {
    return weights_.layers[config_.WeightsOfStep(step)];
  }
  float* Qkv(int step) const { return a_.qkv[a_.qkv[1].size() == 0 ? 0 : step % 2].data(); }

  void LayerNorm(const LayerNormWeights& norm, ConstRows x, size_t rows, Rows y,
                 size_t channels) const {
    const LayerNormF32 args = {.x = x.data,
                               .x_stride = x.stride,
                               .gamma = norm.gamma,
                               .beta = norm.beta,
                               .epsilon = config_.layer_norm_eps,
                               .y = y.data,
                               .y_stride = y.stride,
                               .rows = rows,
                               .channels = channels};
    kernels_.layer_norm_f32(&args);
  }
  void LayerNorm(const LayerNormWeights& norm, ConstRows x, size_t rows, Rows y) const {
    LayerNorm(norm, x, rows, y, config_.hidden_size);
  }

  // Where embeddings are made: in place of the hidden states, or of what will be attention's result
  // where a product makes the hidden states of them.
  Rows Embeddings(size_t row) const {
    AlignedBuffer<float>& buffer = config_.embedding_size == 0 ? a_.hidden : a_.context;
    return {buffer.data() + row * a_.hidden_stride, a_.hidden_stride};
  }

  // hidden = LayerNorm(word + token type + position), or its projection
  void Embed() const {
    for (size_t text = 0; text < batch_.texts(); ++text) {
      const size_t first = batch_.starts[text], last = batch_.starts[text + 1];
      if (last <= begin_ || first >= end_) continue;
      // RoBERTa counts positions over tokens that are not padding, from padding_idx + 1 on; a
      // padding token that is spelt out in a text takes row padding_idx
      // (create_position_ids_from_input_ids in modeling_roberta.py).
      size_t position = 0;
      for (size_t t = first; t < std::min(last, end_); ++t) {
        size_t row = position++;
        if (config_.position_ids == PositionIds::kAfterPaddingIdx) {
          const bool padding = batch_.ids[t] == config_.pad_token_id;
          row = padding ? config_.pad_token_id : row + config_.pad_token_id + 1;
          if (padding) --position;
        }
        if (t >= begin_) EmbedToken(t, row);
      }
    }
    const Rows embeddings = Embeddings(begin_);
    LayerNorm(weights_.embeddings_norm, {embeddings.data, embeddings.stride}, end_ - begin_,
              embeddings, config_.embedding_width());
    if (config_.embedding_size == 0) return;
    for (size_t row = begin_; row < end_; row += block_) {
      const ConstRows narrow = {Embeddings(row).data, a_.hidden_stride};
      weights_.embedding_projection.Forward(kernels_, narrow, BlockRows(row), kMatmulNone,
                                            /*residual=*/{}, Hidden(row), own_.linear);
    }
  }

  void EmbedToken(size_t t, size_t position_row) const {
    float* out = Embeddings(t).data;
    std::fill_n(out, config_.embedding_width(), 0.0f);
    weights_.word_embeddings.Add(kernels_, batch_.ids[t], out);
    if (!weights_.token_type_embeddings.empty()) {
      weights_.token_type_embeddings.Add(kernels_, batch_.type_ids.empty() ? 0 : batch_.type_ids[t],
                                         out);
    }
    weights_.position_embeddings.Add(kernels_, position_row, out);
  }

  void QueryKeyValue(int step, size_t row) const {
    const Rows qkv = {Qkv(step) + row * a_.qkv_stride, a_.qkv_stride};
    Layer(step).query_key_value.Forward(kernels_, ConstHidden(row), BlockRows(row), kMatmulNone,
                                        /*residual=*/{}, qkv, own_.linear);
  }

  // context = softmax(Q K^T / sqrt(D) + bias) V, for this thread's queries of each text
  void Attention(int step) const {
    const size_t hidden_size = config_.hidden_size;
    const float* qkv = Qkv(step);
    for (size_t text = 0; text < batch_.texts(); ++text) {
      const size_t first = batch_.starts[text], last = batch_.starts[text + 1];
      const size_t query = std::max(first, begin_), query_end = std::min(last, end_);
      if (query >= query_end) continue;
      const AttentionF32 args = {.q = qkv + query * a_.qkv_stride,
                                 .k = qkv + first * a_.qkv_stride + hidden_size,
                                 .v = qkv + first * a_.qkv_stride + 2 * hidden_size,
                                 .qkv_stride = a_.qkv_stride,
                                 .context = a_.context.data() + query * a_.hidden_stride,
                                 .context_stride = a_.hidden_stride,
                                 .queries = query_end - query,
                                 .length = last - first,
                                 .heads = static_cast<size_t>(config_.num_attention_heads),
                                 .head_dim = static_cast<size_t>(config_.head_dim()),
                                 .scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim())),
                                 .scratch = own_.attention.data(),
                                 .bias = weights_.position_bias.From(query - first),
                                 .bias_stride = weights_.position_bias.stride()};
      a_.attention(&args);
    }
  }

  // hidden = LayerNorm(context W_o + b_o + hidden); hidden = LayerNorm(act(hidden W_1 + b_1) W_2 +
  // b_2 + hidden)
  void FeedForward(const EncoderLayerWeights& layer, size_t row) const {
    const size_t rows = BlockRows(row);
    const ConstRows context = {a_.context.data() + row * a_.hidden_stride, a_.hidden_stride};
    const Rows sum = {own_.sum.data(), a_.hidden_stride};
    const ConstRows const_sum = {own_.sum.data(), a_.hidden_stride};
    layer.attention_output.Forward(kernels_, context, rows, kMatmulNone, ConstHidden(row), sum,
                                   own_.linear);
    LayerNorm(layer.attention_norm, const_sum, rows, Hidden(row));

    const Rows intermediate = {own_.intermediate.data(), a_.intermediate_stride};
    layer.intermediate.Forward(kernels_, ConstHidden(row), rows,
                               KernelActivation(config_.hidden_act),
                               /*residual=*/{}, intermediate, own_.linear);
    layer.output.Forward(kernels_, {intermediate.data, intermediate.stride}, rows, kMatmulNone,
                         ConstHidden(row), sum, own_.linear);
    LayerNorm(layer.output_norm, const_sum, rows, Hidden(row));
  }

  const EncoderConfig& config_;
  const EncoderWeights& weights_;
  const Kernels& kernels_;
  const TokenBatch& batch_;
  EncoderActivations& a_;
  EncoderActivations::Member& own_;
  const size_t begin_;
  const size_t end_;
  const size_t block_;
};

}  // namespace

MatmulActivation KernelActivation(EncoderActivation activation) {
  switch (activation) {
    case EncoderActivation::kGeluErf:
      return kMatmulGeluErf;
    case EncoderActivation::kGeluTanh:
      return kMatmulGeluTanh;
    case EncoderActivation::kRelu:
      return kMatmulRelu;
  }
  return kMatmulNone;
}

EncoderActivations::EncoderActivations(const EncoderConfig& config, Dtype dtype, size_t max_tokens,
                                       size_t max_sequence_tokens, const Kernels& kernels,
                                       int threads)
    : hidden_stride(PaddedColumns(std::max(config.hidden_size, config.embedding_width()))),
      qkv_stride(PaddedColumns(3 * static_cast<size_t>(config.hidden_size))),
      intermediate_stride(PaddedColumns(config.intermediate_size)),
      hidden(max_tokens * hidden_stride),
      context(max_tokens * hidden_stride),
      max_tokens_(max_tokens) {
  qkv[0] = AlignedBuffer<float>(max_tokens * qkv_stride);
  if (threads > 1) qkv[1] = AlignedBuffer<float>(max_tokens * qkv_stride);
  const AttentionKernel kernel = ChooseAttention(kernels, dtype, max_sequence_tokens);
  attention = kernel.run;
  const size_t scratch = kernel.scratch_floats(max_sequence_tokens, config.head_dim());
  const size_t widest =
      std::max({config.hidden_size, config.embedding_width(), config.intermediate_size});
  for (int i = 0; i < threads; ++i) {
    members.push_back({AlignedBuffer<float>(kRowBlock * hidden_stride),
                       AlignedBuffer<float>(kRowBlock * intermediate_stride),
                       AlignedBuffer<float>(scratch),
                       LinearScratch(kernels, dtype, kRowBlock, widest)});
  }
}

size_t EncoderActivations::bytes() const {
  size_t total =
      hidden.size_bytes() + context.size_bytes() + qkv[0].size_bytes() + qkv[1].size_bytes();
  for (const Member& m : members)
    total += m.sum.size_bytes() + m.intermediate.size_bytes() + m.attention.size_bytes() +
             m.linear.bytes();
  return total;
}

void EncoderForwardAlone(const EncoderConfig& config, const EncoderWeights& weights,
                         const Kernels& kernels, const TokenBatch& batch,
                         EncoderActivations& activations) {
  CHECK(batch.tokens() <= activations.max_tokens());
  Member(config, weights, kernels, batch, activations, 0, 1).Run(/*barrier=*/nullptr);
}

void EncoderForward(const EncoderConfig& config, const EncoderWeights& weights,
                    const Kernels& kernels, const TokenBatch& batch, ThreadPool& pool,
                    EncoderActivations& activations) {
  CHECK(batch.tokens() <= activations.max_tokens());
  CHECK(static_cast<size_t>(pool.size()) <= activations.members.size());
  pool.Run([&](int member) {
    Member(config, weights, kernels, batch, activations, member, pool.size()).Run(&pool.barrier());
  });
}

}  // namespace minnow
