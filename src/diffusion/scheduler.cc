// SPDX-License-Identifier: Apache-2.0
#include "diffusion/scheduler.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "diffusion/scheduler_kinds.h"

namespace minnow {
namespace {

Status CheckRun(const SchedulerConfig& config, const SchedulerRun& run) {
  if (run.steps < 1 || run.steps > config.num_train_timesteps) {
    return Error{Code::kInvalidArgument,
                 "steps: expected an integer in [1, " + std::to_string(config.num_train_timesteps) +
                     "] (the timesteps of the training), got " + std::to_string(run.steps)};
  }
  if (!(run.eta >= 0 && run.eta <= 1)) {
    return Error{Code::kInvalidArgument, "eta: expected a number in [0, 1]"};
  }
  if (!(run.original_part > 0 && run.original_part <= 1)) {
    return Error{Code::kInvalidArgument, "strength: expected a number above 0 and up to 1"};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<NoiseScheduler>> NoiseScheduler::Make(const SchedulerConfig& config,
                                                             const SchedulerRun& run) {
  MINNOW_RETURN_IF_ERROR(CheckRun(config, run));
  MINNOW_ASSIGN_OR_RETURN(std::vector<float> alphas, AlphasCumprod(config));
  switch (config.kind) {
    case SchedulerKind::kDdim:
      return NewDdim(config, run, std::move(alphas));
    case SchedulerKind::kDdpm:
      return NewDdpm(config, run, std::move(alphas));
    case SchedulerKind::kLcm:
      return NewLcm(config, run, std::move(alphas));
    case SchedulerKind::kPndm:
      return NewPndm(config, run, std::move(alphas));
    case SchedulerKind::kDpmSolver:
      return NewDpmSolver(config, run, std::move(alphas));
    case SchedulerKind::kUniPc:
      return NewUniPc(config, run, std::move(alphas));
    case SchedulerKind::kEuler:
    case SchedulerKind::kEulerAncestral:
    case SchedulerKind::kHeun:
    case SchedulerKind::kLms:
      break;
  }
  return NewSigmaScheduler(config, run, std::move(alphas));
}

NoiseScheduler::NoiseScheduler(std::vector<float> timesteps, size_t order, float init_noise_sigma,
                               size_t kept)
    : timesteps_(std::move(timesteps)),
      order_(order),
      init_noise_sigma_(init_noise_sigma),
      kept_(kept) {
  CHECK(!timesteps_.empty());
}

void NoiseScheduler::Begin(size_t first, size_t size) {
  CHECK(first < timesteps_.size());
  first_ = first;
  entry_ = first;
  size_ = size;
  kept_values_.assign(kept_ * size, 0.0f);
  Forget();
}

void NoiseScheduler::ScaleInput(std::span<const float> sample, std::span<float> out) const {
  CHECK(sample.size() == size_ && out.size() == size_);
  if (out.data() != sample.data()) std::copy(sample.begin(), sample.end(), out.begin());
}

void NoiseScheduler::Step(std::span<const float> model_output, std::span<const float> noise,
                          std::span<float> sample) {
  CHECK(!done());
  CHECK(model_output.size() == size_ && sample.size() == size_);
  CHECK(!draws_noise() || noise.size() == size_);
  Advance({size_, model_output.data(), noise.data(), sample.data()});
  ++entry_;
}

Status AlphaScheduler::Check(const SchedulerConfig& config, std::span<const float> alphas,
                             std::span<const float> timesteps) {
  for (const float timestep : timesteps) {
    if (timestep >= static_cast<float>(alphas.size())) {
      return Error{Code::kInvalidArgument,
                   "steps: with steps_offset " + std::to_string(config.steps_offset) +
                       " the first timestep is past the " + std::to_string(alphas.size()) +
                       " of the training; fewer steps are needed"};
    }
    if (alphas[static_cast<size_t>(timestep)] == 0 &&
        config.prediction_type == PredictionType::kEpsilon) {
      return Error{Code::kUnsupported,
                   "rescale_betas_zero_snr: the first timestep is pure noise, of which "
                   "prediction_type epsilon tells nothing"};
    }
  }
  return {};
}

void AlphaScheduler::AddNoise(size_t entry, std::span<const float> original,
                              std::span<const float> noise, std::span<float> out) const {
  CHECK(original.size() == out.size() && noise.size() == out.size());
  const float alpha = AlphaAt(TimestepAt(entry));
  const float signal = std::sqrt(alpha);
  const float spread = std::sqrt(1.0f - alpha);
  for (size_t i = 0; i < out.size(); ++i) out[i] = signal * original[i] + spread * noise[i];
}

Status CheckSigmasFall(std::span<const float> sigmas) {
  bool fall = std::isfinite(sigmas.front());
  for (size_t i = 0; i + 2 < sigmas.size(); ++i) fall = fall && sigmas[i] > sigmas[i + 1];
  const float last = sigmas[sigmas.size() - 2];
  if (fall && last > 0 && sigmas.back() <= last) return {};
  return Error{Code::kInvalidArgument, "steps: the noise of " + std::to_string(sigmas.size() - 1) +
                                           " steps does not fall from each to the next; fewer "
                                           "steps, or other sigmas, are needed"};
}

}  // namespace minnow
