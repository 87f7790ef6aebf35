// SPDX-License-Identifier: Apache-2.0
// What the schedulers share, and how NoiseScheduler::Make makes each. Not for others.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "diffusion/noise_schedule.h"
#include "diffusion/scheduler.h"

namespace minnow {

using NewScheduler = Result<std::unique_ptr<NoiseScheduler>>;

// Each REQUIRES: run is valid for config, alphas = AlphasCumprod(config).
NewScheduler NewDdim(const SchedulerConfig& config, const SchedulerRun& run,
                     std::vector<float> alphas);
NewScheduler NewDdpm(const SchedulerConfig& config, const SchedulerRun& run,
                     std::vector<float> alphas);
NewScheduler NewLcm(const SchedulerConfig& config, const SchedulerRun& run,
                    std::vector<float> alphas);
NewScheduler NewPndm(const SchedulerConfig& config, const SchedulerRun& run,
                     std::vector<float> alphas);
// Euler, Euler ancestral, Heun, LMS.
NewScheduler NewSigmaScheduler(const SchedulerConfig& config, const SchedulerRun& run,
                               std::vector<float> alphas);
NewScheduler NewDpmSolver(const SchedulerConfig& config, const SchedulerRun& run,
                          std::vector<float> alphas);
NewScheduler NewUniPc(const SchedulerConfig& config, const SchedulerRun& run,
                      std::vector<float> alphas);

// The clean latent x0 that a model's answer stands for, where x = signal * x0 + noise * epsilon.
struct CleanLatent {
  PredictionType type;
  float signal, noise;

  float operator()(float x, float output) const {
    switch (type) {
      case PredictionType::kEpsilon:
        return (x - noise * output) / signal;
      case PredictionType::kVelocity:
        return signal * x - noise * output;
      case PredictionType::kSample:
        break;
    }
    return output;
  }
};

// Functions of a single float32, rounded once: as exact as torch's, on every machine.
inline float TorchExp(float x) { return static_cast<float>(std::exp(static_cast<double>(x))); }
inline float TorchExpm1(float x) { return static_cast<float>(std::expm1(static_cast<double>(x))); }
inline float TorchLog(float x) { return static_cast<float>(std::log(static_cast<double>(x))); }

inline std::vector<float> ToFloats(const std::vector<double>& values) {
  return std::vector<float>(values.begin(), values.end());
}

// Schedulers that count in alphas_cumprod, at whole timesteps.
class AlphaScheduler : public NoiseScheduler {
 public:
  void AddNoise(size_t entry, std::span<const float> original, std::span<const float> noise,
                std::span<float> out) const override;

 protected:
  // What all of these refuse: timesteps beyond those of the training, or where nothing is left to
  // divide by.
  static Status Check(const SchedulerConfig& config, std::span<const float> alphas,
                      std::span<const float> timesteps);

  AlphaScheduler(const SchedulerConfig& config, std::vector<float> alphas,
                 std::vector<float> timesteps, size_t kept)
      : NoiseScheduler(std::move(timesteps), 1, 1.0f, kept),
        config_(config),
        alphas_(std::move(alphas)) {}

  const SchedulerConfig& config() const { return config_; }
  int32_t TimestepAt(size_t entry) const { return static_cast<int32_t>(timesteps()[entry]); }
  // Before the first timestep of the training: 1, or what was left at that one.
  float AlphaAt(int32_t timestep) const {
    if (timestep < 0) return config_.set_alpha_to_one ? 1.0f : alphas_[0];
    return alphas_[std::min<size_t>(static_cast<size_t>(timestep), alphas_.size() - 1)];
  }
  float Clip(float x0) const {
    if (!config_.clip_sample) return x0;
    const auto range = static_cast<float>(config_.clip_sample_range);
    return std::min(std::max(x0, -range), range);
  }

 private:
  const SchedulerConfig config_;
  const std::vector<float> alphas_;
};

// kInvalidArgument where the sigmas of the steps do not fall.
Status CheckSigmasFall(std::span<const float> sigmas);

}  // namespace minnow
