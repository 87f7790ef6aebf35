// SPDX-License-Identifier: Apache-2.0
#include "models/unet/time_embedding.h"

#include <algorithm>
#include <cmath>

namespace minnow {
namespace {

constexpr double kLogMaxPeriod = 9.210340371976184;  // ln 10000

void Silu(float* x, size_t count) {
  for (size_t i = 0; i < count; ++i) x[i] = x[i] / (1.0f + std::exp(-x[i]));
}

}  // namespace

// In fp32 throughout, as the reference has it: at t = 1000 a frequency's last bit can be seen.
void FillSinusoid(const Sinusoid& shape, float x, float* out) {
  const size_t half = shape.channels / 2;
  const float divisor = static_cast<float>(half) - shape.freq_shift;
  std::fill_n(out, shape.channels, 0.0f);
  float* sines = out + (shape.cosines_first ? half : 0);
  float* cosines = out + (shape.cosines_first ? 0 : half);
  for (size_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(-kLogMaxPeriod) * static_cast<float>(i) / divisor;
    const float angle = x * std::exp(exponent);
    sines[i] = std::sin(angle);
    cosines[i] = std::cos(angle);
  }
}

TimeEmbedding::TimeEmbedding(ImageOps& ops, const UNetConfig& config, const UNetWeights& weights,
                             std::span<const float> timesteps, std::span<const float> guidance)
    : ops_(ops), images_(timesteps.size()) {
  const size_t c0 = config.base_channels(), dim = config.time_embedding_dim;
  const size_t conditions = config.time_cond_proj_dim;
  activated_ = Take(dim);
  const ArenaScope scope(ops.arena());
  float* hidden = Take(dim);
  float* sinusoid = Take(c0);
  float* condition = Take(std::max<size_t>(conditions, 1));
  float* sum = Take(c0);
  if (ops.planning()) return;
  scratch_ = LinearScratch(ops.kernels(), weights.time[0].weights().dtype, images_,
                           std::max({c0, dim, conditions}));
  for (size_t i = 0; i < images_; ++i) {
    FillSinusoid({c0, config.freq_shift, config.flip_sin_to_cos}, timesteps[i],
                 sinusoid + i * PaddedColumns(c0));
  }
  const float* input = sinusoid;
  if (conditions != 0 && !guidance.empty()) {
    // Its frequencies end at 1/10000 itself.
    for (size_t i = 0; i < images_; ++i) {
      FillSinusoid({conditions, /*freq_shift=*/1.0f, /*cosines_first=*/false},
                   (guidance[i] - 1.0f) * 1000.0f, condition + i * PaddedColumns(conditions));
    }
    Forward(weights.guidance, condition, sinusoid, sum);
    input = sum;
  }
  Forward(weights.time[0], input, nullptr, hidden);
  Silu(hidden, images_ * PaddedColumns(dim));
  Forward(weights.time[1], hidden, nullptr, activated_);
  Silu(activated_, images_ * PaddedColumns(dim));
}

float* TimeEmbedding::Take(size_t channels) {
  const size_t floats = images_ * PaddedColumns(channels);
  auto* data = reinterpret_cast<float*>(ops_.arena().Take(floats * sizeof(float)));
  if (data != nullptr) std::fill_n(data, floats, 0.0f);
  return data;
}

void TimeEmbedding::Forward(const Linear& linear, const float* x, const float* residual, float* y) {
  const size_t in = PaddedColumns(linear.weights().in_features);
  const size_t out = PaddedColumns(linear.weights().out_features);
  linear.Forward(ops_.kernels(), {x, in}, images_, kMatmulNone, {residual, out}, {y, out},
                 scratch_);
}

const float* TimeEmbedding::PartOf(const Linear& time) {
  float* part = Take(time.weights().out_features);
  if (!ops_.planning()) Forward(time, activated_, nullptr, part);
  return part;
}

}  // namespace minnow
