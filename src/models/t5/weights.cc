// SPDX-License-Identifier: Apache-2.0
// Which weights such a model has, under which names and of which sizes.
#include "models/t5/weights.h"

#include <span>

#include "formats/json.h"

namespace minnow {
namespace {

class Lister {
 public:
  Lister(const T5Config& config, WeightVisitor& visitor)
      : config_(config),
        c_(config.d_model),
        inner_(config.inner()),
        f_(config.d_ff),
        visitor_(visitor) {}

  Status Norm(const std::string& name, const float*& weight) {
    return visitor_.RmsNorm({name, name}, c_, weight);
  }

  Status Biases(const std::string& stack, int tables, T5PositionBiases& biases) {
    biases.tables.resize(tables);
    for (int i = 0; i < tables; ++i) {
      const std::string name =
          stack + ".block." + std::to_string(i) + ".layer.0.SelfAttention.relative_attention_bias";
      MINNOW_RETURN_IF_ERROR(visitor_.Table({name, name}, TableKind::kPositionBias,
                                            config_.encoder_buckets.count, config_.num_heads,
                                            biases.tables[i]));
    }
    return {};
  }

  Status Attention(const std::string& layer, T5SelfAttentionWeights& weights) {
    const std::string name = layer + "SelfAttention.";
    const std::array<std::string, 3> qkv = {name + "q", name + "k", name + "v"};
    MINNOW_RETURN_IF_ERROR(Norm(layer + "layer_norm", weights.norm));
    MINNOW_RETURN_IF_ERROR(
        Product(name + "query_key_value", qkv, c_, 3 * inner_, weights.query_key_value));
    return Product(name + "o", inner_, c_, weights.output);
  }

  Status Cross(const std::string& layer, T5CrossAttentionWeights& weights) {
    const std::string name = layer + "EncDecAttention.";
    const std::array<std::string, 2> kv = {name + "k", name + "v"};
    MINNOW_RETURN_IF_ERROR(Norm(layer + "layer_norm", weights.norm));
    MINNOW_RETURN_IF_ERROR(Product(name + "q", c_, inner_, weights.query));
    MINNOW_RETURN_IF_ERROR(Product(name + "key_value", kv, c_, 2 * inner_, weights.key_value));
    return Product(name + "o", inner_, c_, weights.output);
  }

  Status FeedForward(const std::string& layer, T5FeedForwardWeights& weights) {
    const std::string name = layer + "DenseReluDense.";
    MINNOW_RETURN_IF_ERROR(Norm(layer + "layer_norm", weights.norm));
    if (config_.gated) {
      const std::array<std::string, 2> parts = {name + "wi_0", name + "wi_1"};
      MINNOW_RETURN_IF_ERROR(Product(name + "wi", parts, c_, 2 * f_, weights.in));
    } else {
      MINNOW_RETURN_IF_ERROR(Product(name + "wi", c_, f_, weights.in));
    }
    return Product(name + "wo", f_, c_, weights.out);
  }

  Status Product(const std::string& name, std::span<const std::string> parts, size_t in, size_t out,
                 Linear& linear) {
    return visitor_.Product({name, parts, in, out, /*bias=*/false}, linear);
  }
  Status Product(const std::string& name, size_t in, size_t out, Linear& linear) {
    return Product(name, {&name, 1}, in, out, linear);
  }

 private:
  const T5Config& config_;
  const size_t c_;
  const size_t inner_;
  const size_t f_;
  WeightVisitor& visitor_;
};

std::string Layer(const char* stack, size_t block, int layer) {
  return std::string(stack) + ".block." + std::to_string(block) + ".layer." +
         std::to_string(layer) + ".";
}

Status VisitEncoder(const T5Config& config, Lister& list, T5Weights& weights) {
  MINNOW_RETURN_IF_ERROR(list.Biases("encoder", config.encoder_tables(), weights.encoder_biases));
  weights.encoder.resize(config.num_layers);
  for (size_t i = 0; i < weights.encoder.size(); ++i) {
    T5EncoderBlock& block = weights.encoder[i];
    MINNOW_RETURN_IF_ERROR(list.Attention(Layer("encoder", i, 0), block.attention));
    MINNOW_RETURN_IF_ERROR(list.FeedForward(Layer("encoder", i, 1), block.feed_forward));
  }
  return list.Norm("encoder.final_layer_norm", weights.encoder_norm);
}

Status VisitDecoder(const T5Config& config, Lister& list, T5Weights& weights) {
  MINNOW_RETURN_IF_ERROR(list.Biases("decoder", config.decoder_tables(), weights.decoder_biases));
  weights.decoder.resize(config.num_decoder_layers);
  for (size_t i = 0; i < weights.decoder.size(); ++i) {
    T5DecoderBlock& block = weights.decoder[i];
    MINNOW_RETURN_IF_ERROR(list.Attention(Layer("decoder", i, 0), block.attention));
    MINNOW_RETURN_IF_ERROR(list.Cross(Layer("decoder", i, 1), block.cross));
    MINNOW_RETURN_IF_ERROR(list.FeedForward(Layer("decoder", i, 2), block.feed_forward));
  }
  return list.Norm("decoder.final_layer_norm", weights.decoder_norm);
}

void MakeBiases(const Kernels& kernels, const DistanceBuckets& buckets, size_t max_tokens,
                T5PositionBiases& biases) {
  biases.biases.clear();
  for (const EmbeddingTable& table : biases.tables)
    biases.biases.emplace_back(kernels, buckets, table, max_tokens);
}

}  // namespace

size_t T5PositionBiases::bytes() const {
  size_t total = 0;
  for (const PositionBias& bias : biases) total += bias.bytes();
  return total;
}

// An output matrix of its own is no embedding, whatever else is missing. Of files of transformers
// 5, which say "tied" always, the scale tells.
Result<T5Ends> FindT5Ends(const TensorSource& source, const T5Config& config) {
  constexpr const char* kOutput = "lm_head";
  const auto has = [&](const std::string& name) {
    return source.Find(name + ".weight") != nullptr;
  };
  std::vector<std::string> names = {"shared", "encoder.embed_tokens", "decoder.embed_tokens"};
  if (config.tie_word_embeddings && config.scale_decoder_outputs) names.push_back(kOutput);
  std::string tried;
  for (const std::string& name : names) {
    if (has(name)) return T5Ends{name, has(kOutput) ? kOutput : name};
    tried += (tried.empty() ? "" : ", ") + QuoteForMessage(name + ".weight");
  }
  return Error{Code::kNotFound,
               source.name() + ": no tensor with the embedding (tried: " + tried + ")"};
}

Status VisitT5Weights(const T5Config& config, const T5Ends& ends, T5Parts parts, T5Weights& weights,
                      WeightVisitor& visitor) {
  Lister list(config, visitor);
  const T5Ends own;
  MINNOW_RETURN_IF_ERROR(visitor.Table({own.input, ends.input}, TableKind::kWord, config.vocab_size,
                                       config.d_model, weights.embedding));
  MINNOW_RETURN_IF_ERROR(VisitEncoder(config, list, weights));
  if (parts == T5Parts::kEncoder) return {};
  MINNOW_RETURN_IF_ERROR(VisitDecoder(config, list, weights));
  return list.Product(own.output, {&ends.output, 1}, config.d_model, config.vocab_size,
                      weights.vocabulary);
}

void FinishT5Weights(const T5Config& config, const Kernels& kernels, size_t max_input_tokens,
                     size_t max_output_tokens, T5Weights& weights) {
  MakeBiases(kernels, config.encoder_buckets, max_input_tokens, weights.encoder_biases);
  MakeBiases(kernels, config.decoder_buckets, max_output_tokens, weights.decoder_biases);
}

}  // namespace minnow
