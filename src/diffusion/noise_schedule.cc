// SPDX-License-Identifier: Apache-2.0
#include "diffusion/noise_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace minnow {
namespace {

// torch.linspace in float32: from both ends to the middle, with fused multiply-add.
std::vector<float> Linspace(float start, float end, size_t count) {
  std::vector<float> values(count, start);
  if (count < 2) return values;
  const float step = (end - start) / static_cast<float>(count - 1);
  for (size_t i = 0; i < count; ++i) {
    values[i] = i < count / 2 ? std::fma(static_cast<float>(i), step, start)
                              : std::fma(static_cast<float>(count - 1 - i), -step, end);
  }
  return values;
}

std::vector<float> SquaredCosineBetas(size_t count) {
  const auto alpha_bar = [count](size_t i) {
    const double t = static_cast<double>(i) / static_cast<double>(count);
    const double cosine = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2);
    return cosine * cosine;
  };
  std::vector<float> betas(count);
  for (size_t i = 0; i < count; ++i) {
    betas[i] = static_cast<float>(std::min(1 - alpha_bar(i + 1) / alpha_bar(i), 0.999));
  }
  return betas;
}

std::vector<float> Betas(const SchedulerConfig& config) {
  if (!config.trained_betas.empty()) return config.trained_betas;
  const auto count = static_cast<size_t>(config.num_train_timesteps);
  switch (config.beta_schedule) {
    case BetaSchedule::kSquaredCosine:
      return SquaredCosineBetas(count);
    case BetaSchedule::kScaledLinear: {
      auto betas = Linspace(static_cast<float>(std::sqrt(config.beta_start)),
                            static_cast<float>(std::sqrt(config.beta_end)), count);
      for (float& beta : betas) beta *= beta;
      return betas;
    }
    case BetaSchedule::kLinear:
      break;
  }
  return Linspace(static_cast<float>(config.beta_start), static_cast<float>(config.beta_end),
                  count);
}

// Products of 1 - beta; torch multiplies in double and keeps float32.
std::vector<float> Cumprod(std::span<const float> betas) {
  std::vector<float> products(betas.size());
  double product = 1;
  for (size_t i = 0; i < betas.size(); ++i) {
    product *= 1.0f - betas[i];
    products[i] = static_cast<float>(product);
  }
  return products;
}

// Shifts and scales sqrt(alphas_cumprod) so that the last is 0 (Lin et al. 2023), and gives the
// betas that lead there.
std::vector<float> RescaleToZeroSnr(std::span<const float> betas) {
  std::vector<float> bars = Cumprod(betas);
  for (float& bar : bars) bar = std::sqrt(bar);
  const float first = bars.front();
  const float last = bars.back();
  const float scale = first / (first - last);
  for (float& bar : bars) {
    bar = (bar - last) * scale;
    bar *= bar;
  }
  std::vector<float> rescaled(bars.size());
  rescaled[0] = 1.0f - bars[0];
  for (size_t i = 1; i < bars.size(); ++i) rescaled[i] = 1.0f - bars[i] / bars[i - 1];
  return rescaled;
}

// Sigmas must be finite where a step divides by them.
bool WorksInSigmas(SchedulerKind kind) {
  return kind == SchedulerKind::kEuler || kind == SchedulerKind::kEulerAncestral ||
         kind == SchedulerKind::kDpmSolver || kind == SchedulerKind::kUniPc;
}

}  // namespace

Result<std::vector<float>> AlphasCumprod(const SchedulerConfig& config) {
  std::vector<float> betas = Betas(config);
  if (config.rescale_betas_zero_snr) {
    if (betas.size() < 2) {
      return Error{Code::kCorrupt, "rescale_betas_zero_snr: needs two timesteps or more"};
    }
    betas = RescaleToZeroSnr(betas);
  }
  std::vector<float> alphas = Cumprod(betas);
  if (config.rescale_betas_zero_snr && WorksInSigmas(config.kind)) alphas.back() = 0x1p-24f;
  const bool zero_is_fine = config.rescale_betas_zero_snr;
  for (size_t i = 0; i < alphas.size(); ++i) {
    const float before = i == 0 ? 1.0f : alphas[i - 1];
    const bool positive = alphas[i] > 0 || (zero_is_fine && i + 1 == alphas.size());
    if (!positive || !(alphas[i] >= 0 && alphas[i] < before)) {
      return Error{Code::kCorrupt, "betas: they leave no usable noise at timestep " +
                                       std::to_string(i) + " of " + std::to_string(alphas.size())};
    }
  }
  return alphas;
}

std::vector<float> SigmasOf(std::span<const float> alphas_cumprod) {
  std::vector<float> sigmas;
  sigmas.reserve(alphas_cumprod.size());
  for (const float alpha : alphas_cumprod) sigmas.push_back(std::sqrt((1.0f - alpha) / alpha));
  return sigmas;
}

std::vector<double> LinspaceTimesteps(int32_t train_timesteps, size_t count) {
  std::vector<double> timesteps(count, 0);
  if (count < 2) return timesteps;
  const double last = train_timesteps - 1;
  const double step = last / static_cast<double>(count - 1);
  for (size_t i = 0; i < count; ++i) timesteps[count - 1 - i] = static_cast<double>(i) * step;
  timesteps[0] = last;
  return timesteps;
}

std::vector<double> LeadingTimesteps(int32_t stride, size_t count, int32_t offset) {
  std::vector<double> timesteps(count);
  for (size_t i = 0; i < count; ++i) {
    timesteps[count - 1 - i] = static_cast<double>(i) * stride + offset;
  }
  return timesteps;
}

std::vector<double> TrailingTimesteps(int32_t train_timesteps, double stride, size_t count) {
  std::vector<double> timesteps(count);
  const double start = train_timesteps;
  const double delta = (start - stride) - start;  // as numpy.arange finds it
  for (size_t i = 0; i < count; ++i) {
    timesteps[i] = std::nearbyint(start + static_cast<double>(i) * delta) - 1;
  }
  return timesteps;
}

std::vector<double> Timesteps(const SchedulerConfig& config, size_t steps) {
  const int32_t train = config.num_train_timesteps;
  switch (config.timestep_spacing) {
    case TimestepSpacing::kLinspace:
      return LinspaceTimesteps(train, steps);
    case TimestepSpacing::kTrailing:
      return TrailingTimesteps(train, static_cast<double>(train) / static_cast<double>(steps),
                               steps);
    case TimestepSpacing::kLeading:
      break;
  }
  return LeadingTimesteps(train / static_cast<int32_t>(steps), steps, config.steps_offset);
}

void RoundHalfToEven(std::vector<double>* values) {
  for (double& value : *values) value = std::nearbyint(value);
}

double InterpolateSigma(std::span<const float> sigmas, double timestep) {
  const double last = static_cast<double>(sigmas.size() - 1);
  if (!(timestep > 0)) return sigmas.front();
  if (timestep >= last) return sigmas.back();
  const auto low = static_cast<size_t>(timestep);
  const double below = sigmas[low];
  const double slope = static_cast<double>(sigmas[low + 1]) - below;
  return slope * (timestep - static_cast<double>(low)) + below;
}

std::vector<double> KarrasSigmas(double least, double most, size_t count) {
  constexpr double kRho = 7;
  const double low = std::pow(least, 1 / kRho);
  const double high = std::pow(most, 1 / kRho);
  std::vector<double> sigmas(count);
  for (size_t i = 0; i < count; ++i) {
    const bool end = i + 1 == count && count > 1;
    const double ramp =
        end ? 1.0 : static_cast<double>(i) * (count > 1 ? 1.0 / static_cast<double>(count - 1) : 1);
    sigmas[i] = std::pow(high + ramp * (low - high), kRho);
  }
  return sigmas;
}

std::vector<float> LogarithmsOf(std::span<const float> sigmas) {
  std::vector<float> logarithms;
  logarithms.reserve(sigmas.size());
  for (const float sigma : sigmas) {
    logarithms.push_back(static_cast<float>(std::log(static_cast<double>(sigma))));
  }
  return logarithms;
}

double TimestepOfSigma(double sigma, std::span<const float> log_sigmas) {
  if (log_sigmas.size() < 2) return 0;
  const double log_sigma = std::log(std::max(sigma, 1e-10));
  const auto above = std::upper_bound(log_sigmas.begin(), log_sigmas.end(), log_sigma,
                                      [](double a, float b) { return a < b; });
  const size_t below = above == log_sigmas.begin() ? 0 : above - log_sigmas.begin() - 1;
  const size_t low = std::min(below, log_sigmas.size() - 2);
  const float span = log_sigmas[low] - log_sigmas[low + 1];
  const double weight = std::clamp((log_sigmas[low] - log_sigma) / span, 0.0, 1.0);
  return (1 - weight) * static_cast<double>(low) + weight * static_cast<double>(low + 1);
}

}  // namespace minnow
