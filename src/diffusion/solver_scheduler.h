// SPDX-License-Identifier: Apache-2.0
// What DPM-Solver++ and UniPC share: they count in sigmas, at whole timesteps, on samples whose
// variance is kept, x = alpha * x0 + sigma * noise. Not for others.
#pragma once

#include <span>
#include <vector>

#include "diffusion/scheduler_kinds.h"

namespace minnow {

struct SolverSchedule {
  std::vector<float> timesteps;
  std::vector<float> sigmas;  // one more: where the last step ends
};

Result<SolverSchedule> MakeSolverSchedule(const SchedulerConfig& config, const SchedulerRun& run,
                                          std::span<const float> alphas);

class SolverScheduler : public NoiseScheduler {
 public:
  void AddNoise(size_t entry, std::span<const float> original, std::span<const float> noise,
                std::span<float> out) const override;

 protected:
  // A point of the schedule: what is left of the picture, the noise, and half the logarithm of the
  // ratio of their variances.
  struct Point {
    float alpha, sigma, lambda;
  };

  SolverScheduler(const SchedulerConfig& config, SolverSchedule schedule, size_t kept)
      : NoiseScheduler(std::move(schedule.timesteps), 1, 1.0f, kept),
        prediction_(config.prediction_type),
        sigmas_(std::move(schedule.sigmas)) {}

  Point At(size_t entry) const;
  // x0 by the model's answer to `sample` at the next entry to run.
  void ToClean(const Tensors& tensors, float* clean) const;

 private:
  const PredictionType prediction_;
  const std::vector<float> sigmas_;
};

}  // namespace minnow
