// SPDX-License-Identifier: Apache-2.0
// ParameterCounter: how many numbers a model has learnt, and which of its products are sensitive,
// by its list of weights alone.
#pragma once

#include <cstddef>

#include "models/weights/visitor.h"

namespace minnow {

class ParameterCounter : public WeightVisitor {
 public:
  size_t count() const { return count_; }
  size_t sensitive_products() const { return sensitive_products_; }

  Status Table(const WeightName&, TableKind, size_t rows, size_t columns,
               EmbeddingTable&) override {
    count_ += rows * columns;
    return {};
  }
  Status Norm(const WeightName&, size_t channels, LayerNormWeights&) override {
    count_ += 2 * channels;
    return {};
  }
  Status RmsNorm(const WeightName&, size_t channels, const float*&) override {
    count_ += channels;
    return {};
  }
  Status Product(const ProductSpec& spec, Linear&) override {
    count_ += spec.out_features * (spec.in_features * spec.kernel * spec.kernel + spec.bias);
    sensitive_products_ += spec.sensitive;
    return {};
  }

 private:
  size_t count_ = 0;
  size_t sensitive_products_ = 0;
};

}  // namespace minnow
