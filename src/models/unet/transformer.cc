// SPDX-License-Identifier: Apache-2.0
#include "models/unet/transformer.h"

#include "base/check.h"

namespace minnow {
namespace {

// Not the UNet's norm_eps.
constexpr float kGroupNormEpsilon = 1e-6f;
constexpr size_t kFeedForwardFactor = 4;

void ListBlock(WeightLister& list, const std::string& name, const UNetTransformerShape& shape,
               UNetTransformerBlock& block) {
  const size_t c = shape.channels, inner = kFeedForwardFactor * c;
  const std::string self = name + ".attn1.", cross = name + ".attn2.";
  list.Norm(name + ".norm1", c, block.norm1);
  list.Joined(self + "to_qkv", {self + "to_q", self + "to_k", self + "to_v"}, c, c,
              /*bias=*/false, block.self_query_key_value);
  list.Product(self + "to_out.0", c, c, /*bias=*/true, block.self_output);
  list.Norm(name + ".norm2", c, block.norm2);
  list.Product(cross + "to_q", c, c, /*bias=*/false, block.cross_query);
  list.Joined(cross + "to_kv", {cross + "to_k", cross + "to_v"}, shape.prompt_channels, c,
              /*bias=*/false, block.cross_key_value);
  list.Product(cross + "to_out.0", c, c, /*bias=*/true, block.cross_output);
  list.Norm(name + ".norm3", c, block.norm3);
  list.Product(name + ".ff.net.0.proj", c, 2 * inner, /*bias=*/true, block.feed_forward_in);
  list.Product(name + ".ff.net.2", inner, c, /*bias=*/true, block.feed_forward_out);
}

void RunBlock(ImageOps& ops, const UNetTransformerBlock& block, size_t heads,
              const FeatureMap& key_value, FeatureMap& x) {
  const size_t c = x.channels;
  const auto like = [&](size_t channels) {
    return ops.NewMap(x.images, x.height, x.width, channels);
  };
  {
    const ArenaScope scope(ops.arena());
    FeatureMap qkv = like(3 * c), mixed = like(c);
    ops.Product(x, &block.norm1, block.self_query_key_value, Activation::kNone, nullptr, qkv);
    ops.Attend({&qkv, 0}, {&qkv, c}, {&qkv, 2 * c}, heads, /*causal=*/false, mixed);
    ops.Product(mixed, nullptr, block.self_output, Activation::kNone, &x, x);
  }
  {
    const ArenaScope scope(ops.arena());
    FeatureMap query = like(c), mixed = like(c);
    ops.Product(x, &block.norm2, block.cross_query, Activation::kNone, nullptr, query);
    ops.Attend({&query, 0}, {&key_value, 0}, {&key_value, c}, heads, /*causal=*/false, mixed);
    ops.Product(mixed, nullptr, block.cross_output, Activation::kNone, &x, x);
  }
  ops.GatedFeedForward(x, block.norm3, block.feed_forward_in, block.feed_forward_out, x);
}

}  // namespace

void ListTransformer(WeightLister& list, const std::string& name, const UNetTransformerShape& shape,
                     UNetTransformer& weights) {
  weights.heads = shape.heads;
  weights.norm.groups = shape.groups;
  weights.norm.epsilon = kGroupNormEpsilon;
  list.Norm(name + ".norm", shape.channels, weights.norm);
  list.Conv(name + ".proj_in", {shape.channels, shape.channels, /*kernel=*/1}, weights.project_in);
  weights.blocks.resize(shape.layers);
  for (size_t i = 0; i < shape.layers; ++i) {
    ListBlock(list, name + ".transformer_blocks." + std::to_string(i), shape, weights.blocks[i]);
  }
  list.Product(name + ".proj_out", shape.channels, shape.channels, /*bias=*/true,
               weights.project_out);
}

void RunTransformer(ImageOps& ops, const UNetTransformer& weights,
                    std::span<const FeatureMap> key_values, FeatureMap& x) {
  CHECK(key_values.size() == weights.blocks.size());
  const ArenaScope scope(ops.arena());
  const ConvolutionInput input = {.first = &x, .norm = &weights.norm};
  FeatureMap hidden = ops.NewMapFor(input, weights.project_in);
  ops.Convolve(input, weights.project_in, {}, hidden);
  for (size_t i = 0; i < weights.blocks.size(); ++i)
    RunBlock(ops, weights.blocks[i], weights.heads, key_values[i], hidden);
  ops.Product(hidden, nullptr, weights.project_out, Activation::kNone, &x, x);
}

}  // namespace minnow
