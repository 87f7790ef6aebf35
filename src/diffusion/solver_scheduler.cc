// SPDX-License-Identifier: Apache-2.0
#include "diffusion/solver_scheduler.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace minnow {
namespace {

// Training timesteps up to where lambda falls below lambda_min_clipped.
int32_t UsedTimesteps(const SchedulerConfig& config, std::span<const float> alphas) {
  if (config.kind != SchedulerKind::kDpmSolver) return config.num_train_timesteps;
  const auto least = static_cast<float>(config.lambda_min_clipped);
  size_t clipped = 0;
  while (clipped < alphas.size()) {
    const float alpha = alphas[alphas.size() - 1 - clipped];
    if (!(TorchLog(std::sqrt(alpha)) - TorchLog(std::sqrt(1.0f - alpha)) < least)) break;
    ++clipped;
  }
  return static_cast<int32_t>(alphas.size() - clipped);
}

// With linspace and leading spacing, one more than the steps is spaced, and the lowest left out.
std::vector<double> SolverTimesteps(const SchedulerConfig& config, size_t steps, int32_t used) {
  std::vector<double> timesteps;
  const double stride =
      static_cast<double>(config.num_train_timesteps) / static_cast<double>(steps);
  switch (config.timestep_spacing) {
    case TimestepSpacing::kTrailing:
      timesteps = TrailingTimesteps(used, stride,
                                    std::min(steps, static_cast<size_t>(std::ceil(used / stride))));
      break;
    case TimestepSpacing::kLeading:
      timesteps = LeadingTimesteps(used / (static_cast<int32_t>(steps) + 1), steps + 1,
                                   config.steps_offset);
      timesteps.pop_back();
      break;
    case TimestepSpacing::kLinspace:
      timesteps = LinspaceTimesteps(used, steps + 1);
      timesteps.pop_back();
      break;
  }
  RoundHalfToEven(&timesteps);
  return timesteps;
}

}  // namespace

Result<SolverSchedule> MakeSolverSchedule(const SchedulerConfig& config, const SchedulerRun& run,
                                          std::span<const float> alphas) {
  const int32_t used = UsedTimesteps(config, alphas);
  if (used == 0) {
    return Error{Code::kCorrupt, "lambda_min_clipped: it leaves no timestep of the training"};
  }
  const auto steps = static_cast<size_t>(run.steps);
  const std::vector<float> all = SigmasOf(alphas);
  std::vector<double> timesteps = SolverTimesteps(config, steps, used);
  std::vector<double> sigmas;
  const bool uni_pc = config.kind == SchedulerKind::kUniPc;
  if (config.use_karras_sigmas) {
    sigmas = KarrasSigmas(config.sigma_min.value_or(all.front()),
                          config.sigma_max.value_or(all.back()), steps);
    const std::vector<float> log_sigmas = LogarithmsOf(all);
    timesteps.clear();
    for (const double sigma : sigmas) timesteps.push_back(TimestepOfSigma(sigma, log_sigmas));
    // Upstream cuts the fraction off where it does not round.
    if (uni_pc || config.beta_schedule != BetaSchedule::kSquaredCosine) {
      RoundHalfToEven(&timesteps);
    } else {
      for (double& timestep : timesteps) timestep = std::trunc(timestep);
    }
  } else {
    for (const double timestep : timesteps) sigmas.push_back(InterpolateSigma(all, timestep));
  }
  const double smallest = uni_pc && config.use_karras_sigmas ? sigmas.back() : all.front();
  sigmas.push_back(config.final_sigma == FinalSigma::kSmallest ? smallest : 0);
  SolverSchedule schedule{ToFloats(timesteps), ToFloats(sigmas)};
  MINNOW_RETURN_IF_ERROR(CheckSigmasFall(schedule.sigmas));
  return schedule;
}

SolverScheduler::Point SolverScheduler::At(size_t entry) const {
  const float ratio = sigmas_[entry];
  const float alpha = 1.0f / std::sqrt(ratio * ratio + 1.0f);
  const float sigma = ratio * alpha;
  return {alpha, sigma, TorchLog(alpha) - TorchLog(sigma)};
}

void SolverScheduler::AddNoise(size_t entry, std::span<const float> original,
                               std::span<const float> noise, std::span<float> out) const {
  CHECK(original.size() == out.size() && noise.size() == out.size());
  const Point at = At(entry);
  for (size_t i = 0; i < out.size(); ++i) out[i] = at.alpha * original[i] + at.sigma * noise[i];
}

void SolverScheduler::ToClean(const Tensors& tensors, float* clean) const {
  const Point at = At(entry());
  const CleanLatent clean_latent{prediction_, at.alpha, at.sigma};
  for (size_t i = 0; i < tensors.size; ++i) {
    clean[i] = clean_latent(tensors.sample[i], tensors.model_output[i]);
  }
}

}  // namespace minnow
