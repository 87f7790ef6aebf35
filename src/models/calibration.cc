// SPDX-License-Identifier: Apache-2.0
#include "models/calibration.h"

#include <algorithm>
#include <cmath>

#include "models/weight_list.h"

namespace minnow {
namespace {

// Sums over the inputs of one product.
struct Sums {
  std::vector<float> most;
  std::vector<double> sum;
  size_t rows = 0;
};

class Recorder : public LinearObserver {
 public:
  void Observe(const Linear& linear, ConstRows x, size_t rows) override {
    Sums& sums = sums_[&linear];
    const size_t channels = linear.weights().in_features;
    sums.most.resize(channels);
    sums.sum.resize(channels);
    sums.rows += rows;
    for (size_t t = 0; t < rows; ++t) {
      const float* row = x.data + t * x.stride;
      for (size_t k = 0; k < channels; ++k) {
        sums.most[k] = std::max(sums.most[k], std::fabs(row[k]));
        sums.sum[k] += double{row[k]};
      }
    }
  }

  // Empty where the product saw nothing.
  ProductInputs Of(const Linear& linear) const {
    ProductInputs inputs;
    const auto found = sums_.find(&linear);
    if (found == sums_.end()) return inputs;
    const Sums& sums = found->second;
    inputs.most = sums.most;
    for (const double sum : sums.sum)
      inputs.mean.push_back(static_cast<float>(sum / static_cast<double>(sums.rows)));
    return inputs;
  }

 private:
  std::map<const Linear*, Sums> sums_;
};

// Gives what was recorded the products' names.
class Namer : public WeightVisitor {
 public:
  Namer(const Recorder& recorder, Calibration& calibration)
      : recorder_(recorder), calibration_(calibration) {}
  Status Table(const std::string&, TableKind, size_t, EmbeddingTable&) override { return {}; }
  Status Norm(const std::string&, LayerNormWeights&) override { return {}; }
  Status Product(const std::string& name, std::span<const std::string>, size_t, size_t,
                 Linear& linear) override {
    calibration_.emplace(name, recorder_.Of(linear));
    return {};
  }

 private:
  const Recorder& recorder_;
  Calibration& calibration_;
};

}  // namespace

Calibration Calibrate(const EncoderConfig& config, const EncoderWeights& weights,
                      const Kernels& kernels, std::span<const std::vector<int32_t>> texts) {
  size_t longest = 1;
  for (const auto& text : texts) longest = std::max(longest, text.size());
  EncoderActivations activations(config, Dtype::kF32, longest, longest, kernels, /*threads=*/1);
  Recorder recorder;
  activations.members[0].linear.observer = &recorder;
  for (const auto& text : texts) {
    const int32_t starts[] = {0, static_cast<int32_t>(text.size())};
    EncoderForwardAlone(config, weights, kernels, {.ids = text, .starts = starts, .type_ids = {}},
                        activations);
  }
  Calibration calibration;
  Namer namer(recorder, calibration);
  // The list fills in places as well as it reads them; here it only reads.
  CHECK(VisitWeights(config, const_cast<EncoderWeights&>(weights), namer).ok());
  return calibration;
}

}  // namespace minnow
