// SPDX-License-Identifier: Apache-2.0
// Calibration: what the inputs of a model's products look like over some texts, so that int8 can
// spend its steps where they count.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/weights/visitor.h"
#include "nn/linear.h"

namespace minnow {

// Of one product's inputs x: [T, K], over all tokens.
struct ProductInputs {
  std::vector<float> most;  // [K]: largest magnitudes
  std::vector<float> mean;  // [K]
};

// By the product's name (visitor.h).
using Calibration = std::map<std::string, ProductInputs>;

// Records the inputs of the products of one model, whose scratch it is the observer of; gives them
// their names afterwards, as the visitor of the model's list.
class Calibrator : public LinearObserver, public WeightVisitor {
 public:
  void Observe(const Linear& linear, ConstRows x, size_t rows) override;

  Status Table(const WeightName&, TableKind, size_t, size_t, EmbeddingTable&) override {
    return {};
  }
  Status Norm(const WeightName&, size_t, LayerNormWeights&) override { return {}; }
  Status RmsNorm(const WeightName&, size_t, const float*&) override { return {}; }
  Status Product(const ProductSpec& spec, Linear& linear) override;

  Calibration Take() { return std::move(calibration_); }

 private:
  // Sums over the inputs of one product.
  struct Sums {
    std::vector<float> most;
    std::vector<double> sum;
    size_t rows = 0;
  };

  std::map<const Linear*, Sums> sums_;
  Calibration calibration_;
};

}  // namespace minnow
