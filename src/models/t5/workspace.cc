// SPDX-License-Identifier: Apache-2.0
// Sizes of buffers.
#include "models/t5/workspace.h"

#include <algorithm>

#include "nn/attention.h"

namespace minnow {

T5Workspace::T5Workspace(const T5Config& config, Dtype dtype, const T5Limits& limits,
                         size_t max_tokens, size_t max_rows, const Kernels& kernels,
                         ThreadPool* pool)
    : pool(pool),
      model_stride(PaddedColumns(config.d_model)),
      inner_stride(PaddedColumns(config.inner())),
      qkv_stride(PaddedColumns(3 * config.inner())),
      key_value_stride(PaddedColumns(2 * config.inner())),
      feed_forward_stride(PaddedColumns(config.feed_forward_width())),
      hidden(max_tokens * model_stride),
      context(max_tokens * inner_stride),
      step_qkv(max_rows * qkv_stride),
      step_context(max_rows * inner_stride),
      step_intermediate(max_rows * feed_forward_stride),
      positions(max_rows),
      slots(max_rows),
      max_tokens_(max_tokens),
      max_rows_(max_rows) {
  qkv[0] = AlignedBuffer<float>(max_tokens * qkv_stride);
  if (pool->size() > 1) qkv[1] = AlignedBuffer<float>(max_tokens * qkv_stride);
  for (AlignedBuffer<float>& buffer : step_hidden)
    buffer = AlignedBuffer<float>(max_rows * model_stride);
  // In bf16 with queries and keys as they are: see PreciseQueryKeyValue in encoder.cc.
  const Dtype attention_dtype = dtype == Dtype::kBF16 ? Dtype::kF32 : dtype;
  const AttentionKernel kernel = ChooseAttention(kernels, attention_dtype, limits.max_input_tokens);
  attention = kernel.run;
  const size_t longest_text = std::min(max_tokens, limits.max_input_tokens);
  const size_t scores = PaddedColumns(std::max(limits.max_input_tokens, limits.max_output_tokens));
  const size_t scratch = std::max(kernel.scratch_floats(longest_text, config.d_kv), scores);
  const size_t rows = std::max(kRowBlock, max_rows);
  const size_t widest = std::max(
      {static_cast<size_t>(config.d_model), config.inner(), static_cast<size_t>(config.d_ff)});
  for (int i = 0; i < pool->size(); ++i) {
    members.push_back({AlignedBuffer<float>(rows * model_stride),
                       AlignedBuffer<float>(kRowBlock * model_stride),
                       AlignedBuffer<float>(kRowBlock * feed_forward_stride),
                       AlignedBuffer<float>(kRowBlock * qkv_stride), AlignedBuffer<float>(scratch),
                       LinearScratch(kernels, dtype, rows, widest)});
  }
}

size_t T5Workspace::bytes() const {
  size_t total = 0;
  for (const AlignedBuffer<float>* buffer :
       {&hidden, &context, &qkv[0], &qkv[1], &step_hidden[0], &step_hidden[1], &step_qkv,
        &step_context, &step_intermediate})
    total += buffer->size_bytes();
  for (const Member& m : members) {
    for (const AlignedBuffer<float>* buffer :
         {&m.normed, &m.sum, &m.intermediate, &m.projected, &m.attention})
      total += buffer->size_bytes();
    total += m.linear.bytes();
  }
  return total;
}

}  // namespace minnow
