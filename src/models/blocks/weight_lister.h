// SPDX-License-Identifier: Apache-2.0
// WeightLister: shows the weights of a diffusion model to a visitor, each under one name: here, in
// a packed file and in a folder of diffusers. After the first error it does nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/weights/visitor.h"
#include "nn/image_ops.h"

namespace minnow {

class WeightLister {
 public:
  explicit WeightLister(WeightVisitor& visitor) : visitor_(visitor) {}

  // norm: has its groups and its epsilon already.
  void Norm(const std::string& name, size_t channels, GroupNorm& norm) {
    NormOf(name, channels, norm);
  }
  void Norm(const std::string& name, size_t channels, LayerNorm& norm) {
    NormOf(name, channels, norm);
  }

  void Product(const std::string& name, size_t in, size_t out, bool bias, Linear& linear) {
    if (!status_.ok()) return;
    status_ = visitor_.Product(
        {name, {&name, 1}, in, out, bias, /*kernel=*/1, /*winograd=*/nullptr, Sensitive(in, out)},
        linear);
  }
  // Linears of a checkpoint side by side, each with `out` outputs.
  void Joined(const std::string& name, std::initializer_list<std::string> parts, size_t in,
              size_t out, bool bias, Linear& linear) {
    const std::span<const std::string> all(parts.begin(), parts.size());
    if (!status_.ok()) return;
    status_ = visitor_.Product({name, all, in, parts.size() * out, bias, /*kernel=*/1,
                                /*winograd=*/nullptr, Sensitive(in, out)},
                               linear);
  }

  struct Shape {
    size_t in;
    size_t out;
    size_t kernel = 3;
    size_t stride = 1;
    bool bias = true;
    bool sensitive = false;  // ProductSpec
  };
  void Conv(const std::string& name, const Shape& shape, Convolution& convolution) {
    convolution.in_channels = shape.in;
    convolution.out_channels = shape.out;
    convolution.kernel = shape.kernel;
    convolution.stride = shape.stride;
    if (!status_.ok()) return;
    const void** winograd =
        shape.kernel == 3 && shape.stride == 1 ? &convolution.winograd : nullptr;
    status_ = visitor_.Product({name,
                                {&name, 1},
                                shape.in,
                                shape.out,
                                shape.bias,
                                shape.kernel,
                                winograd,
                                shape.sensitive || Sensitive(shape.in, shape.out)},
                               convolution.product);
  }
  void Table(const std::string& name, TableKind kind, size_t rows, size_t columns,
             EmbeddingTable& table) {
    if (status_.ok()) status_ = visitor_.Table({name, name}, kind, rows, columns, table);
  }

  const Status& status() const { return status_; }

 private:
  // Latents and pixels: 8 bits would be seen, and save next to nothing.
  static bool Sensitive(size_t in, size_t out) { return std::min(in, out) < kFewChannels; }
  static constexpr size_t kFewChannels = 16;

  template <class Norm>
  void NormOf(const std::string& name, size_t channels, Norm& norm) {
    LayerNormWeights weights = {norm.gamma, norm.beta};
    if (status_.ok()) status_ = visitor_.Norm({name, name}, channels, weights);
    norm.gamma = weights.gamma;
    norm.beta = weights.beta;
  }

  WeightVisitor& visitor_;
  Status status_;
};

}  // namespace minnow
