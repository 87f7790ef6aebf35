// SPDX-License-Identifier: Apache-2.0
// PlainT5: the slow twin of models/t5: T5 in plain loops and double, over all positions at once and
// without a cache, of a checkpoint's tensors as they are.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "formats/tensor_source.h"
#include "models/t5/config.h"
#include "models/t5/weights.h"
#include "models/weights/tensor_floats.h"

namespace minnow {

class PlainT5 {
 public:
  using Vector = std::vector<double>;
  using Matrix = std::vector<Vector>;  // rows

  PlainT5(const T5Config& config, const TensorSource& source)
      : config_(config), source_(source), ends_(FindT5Ends(source, config).value()) {}

  // [T][C]
  Matrix Encode(std::span<const int32_t> ids) const {
    Matrix x = Embed(ids);
    for (int layer = 0; layer < config_.num_layers; ++layer) {
      const std::string block = "encoder.block." + std::to_string(layer) + ".layer.";
      const Matrix normed = Norm(x, block + "0.layer_norm");
      Add(x, Attention(block + "0.SelfAttention.", normed, normed, "encoder", layer));
      Add(x, FeedForward(block + "1.DenseReluDense.", Norm(x, block + "1.layer_norm")));
    }
    return Norm(x, "encoder.final_layer_norm");
  }

  // Scores after each of `ids`, the start among them. [L][V]
  Matrix Decode(const Matrix& encoded, std::span<const int32_t> ids) const {
    Matrix x = Embed(ids);
    for (int layer = 0; layer < config_.num_decoder_layers; ++layer) {
      const std::string block = "decoder.block." + std::to_string(layer) + ".layer.";
      const Matrix normed = Norm(x, block + "0.layer_norm");
      Add(x, Attention(block + "0.SelfAttention.", normed, normed, "decoder", layer));
      Add(x,
          Attention(block + "1.EncDecAttention.", Norm(x, block + "1.layer_norm"), encoded, "", 0));
      Add(x, FeedForward(block + "2.DenseReluDense.", Norm(x, block + "2.layer_norm")));
    }
    x = Norm(x, "decoder.final_layer_norm");
    if (config_.scale_decoder_outputs) {
      for (Vector& row : x) {
        for (double& value : row) value /= std::sqrt(double{1} * config_.d_model);
      }
    }
    return Product(x, ends_.output);
  }

 private:
  struct Weight {
    size_t rows;
    size_t columns;
    std::vector<float> values;
  };

  Weight Get(const std::string& name) const {
    const TensorView* tensor = source_.Find(name + ".weight");
    CHECK(tensor != nullptr);
    Weight weight = {static_cast<size_t>(tensor->shape[0]),
                     tensor->shape.size() < 2 ? 1 : static_cast<size_t>(tensor->shape[1]),
                     {}};
    weight.values.resize(weight.rows * weight.columns);
    CHECK(CopyFloats(*tensor, weight.values.data()).ok());
    return weight;
  }

  Matrix Embed(std::span<const int32_t> ids) const {
    const Weight table = Get(ends_.input);
    Matrix rows;
    for (const int32_t id : ids) {
      const float* row = table.values.data() + id * table.columns;
      rows.emplace_back(row, row + table.columns);
    }
    return rows;
  }

  Matrix Norm(const Matrix& x, const std::string& name) const {
    const Weight weight = Get(name);
    Matrix y = x;
    for (Vector& row : y) {
      double squares = 0;
      for (const double value : row) squares += value * value;
      const double size = static_cast<double>(row.size());
      const double scale =
          1 / std::sqrt(squares / size + static_cast<double>(config_.layer_norm_epsilon));
      for (size_t c = 0; c < row.size(); ++c)
        row[c] *= scale * static_cast<double>(weight.values[c]);
    }
    return y;
  }

  Matrix Product(const Matrix& x, const std::string& name) const {
    const Weight weight = Get(name);
    Matrix y;
    for (const Vector& row : x) {
      Vector& out = y.emplace_back(weight.rows);
      for (size_t n = 0; n < weight.rows; ++n) {
        for (size_t k = 0; k < weight.columns; ++k)
          out[n] += row[k] * static_cast<double>(weight.values[n * weight.columns + k]);
      }
    }
    return y;
  }

  static void Add(Matrix& x, const Matrix& y) {
    for (size_t r = 0; r < x.size(); ++r) {
      for (size_t c = 0; c < x[r].size(); ++c) x[r][c] += y[r][c];
    }
  }

  static double Activate(Activation activation, double x) {
    switch (activation) {
      case Activation::kNone:
      case Activation::kQuickGelu:  // no T5 has it
        break;
      case Activation::kRelu:
        return std::max(x, 0.0);
      case Activation::kGeluErf:
        return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
      case Activation::kGeluTanh:
        return x * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
      case Activation::kSilu:
        return x / (1 + std::exp(-x));
    }
    return x;
  }

  Matrix FeedForward(const std::string& name, const Matrix& x) const {
    Matrix inner = Product(x, name + (config_.gated ? "wi_0" : "wi"));
    for (Vector& row : inner) {
      for (double& value : row) value = Activate(config_.activation, value);
    }
    if (config_.gated) {
      const Matrix factor = Product(x, name + "wi_1");
      for (size_t r = 0; r < inner.size(); ++r) {
        for (size_t f = 0; f < inner[r].size(); ++f) inner[r][f] *= factor[r][f];
      }
    }
    return Product(inner, name + "wo");
  }

  // The bucket of key position - query position, by its boundaries as the paper's formula has them.
  static int Bucket(const DistanceBuckets& buckets, int distance) {
    int count = buckets.count, first = 0;
    if (buckets.bidirectional) {
      count /= 2;
      if (distance > 0) first = count;
    }
    const int far = buckets.bidirectional ? std::abs(distance) : std::max(0, -distance);
    const int exact = count / 2;
    if (far < exact) return first + far;
    const double share =
        std::log(double{1} * far / exact) / std::log(double{1} * buckets.max_distance / exact);
    return first + std::min(count - 1, exact + static_cast<int>(share * (count - exact) + 1e-6));
  }

  // stack: of the position bias; empty: there is none. The decoder's is causal.
  Matrix Attention(const std::string& name, const Matrix& x, const Matrix& keys,
                   const std::string& stack, int layer) const {
    const Matrix q = Product(x, name + "q"), k = Product(keys, name + "k");
    const Matrix v = Product(keys, name + "v");
    Weight bias;
    if (!stack.empty()) {
      bias = Get(stack + ".block." + std::to_string(config_.bias_in_every_block ? layer : 0) +
                 ".layer.0.SelfAttention.relative_attention_bias");
    }
    const bool causal = stack == "decoder";
    const DistanceBuckets& buckets = causal ? config_.decoder_buckets : config_.encoder_buckets;
    Matrix context;
    for (size_t i = 0; i < x.size(); ++i) {
      Vector& out = context.emplace_back(config_.inner());
      for (int head = 0; head < config_.num_heads; ++head) {
        const size_t begin = static_cast<size_t>(head) * config_.d_kv;
        const size_t length = causal ? i + 1 : keys.size();
        Vector scores(length);
        for (size_t j = 0; j < length; ++j) {
          for (int d = 0; d < config_.d_kv; ++d) scores[j] += q[i][begin + d] * k[j][begin + d];
          if (stack.empty()) continue;
          const int distance = static_cast<int>(j) - static_cast<int>(i);
          scores[j] += static_cast<double>(
              bias.values[Bucket(buckets, distance) * config_.num_heads + head]);
        }
        const double most = *std::max_element(scores.begin(), scores.end());
        double sum = 0;
        for (double& score : scores) sum += score = std::exp(score - most);
        for (size_t j = 0; j < length; ++j) {
          for (int d = 0; d < config_.d_kv; ++d)
            out[begin + d] += scores[j] / sum * v[j][begin + d];
        }
      }
    }
    return Product(context, name + "o");
  }

  const T5Config config_;
  const TensorSource& source_;
  const T5Ends ends_;
};

}  // namespace minnow
