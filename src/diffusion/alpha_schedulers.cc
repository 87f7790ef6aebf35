// SPDX-License-Identifier: Apache-2.0
// DDIM, DDPM and LCM.
#include <algorithm>
#include <cmath>

#include "diffusion/scheduler_kinds.h"

namespace minnow {
namespace {

std::vector<float> WholeTimesteps(const SchedulerConfig& config, int64_t steps) {
  std::vector<double> timesteps = Timesteps(config, static_cast<size_t>(steps));
  RoundHalfToEven(&timesteps);
  return ToFloats(timesteps);
}

// Song et al. 2020.
class Ddim final : public AlphaScheduler {
 public:
  static NewScheduler Make(const SchedulerConfig& config, const SchedulerRun& run,
                           std::vector<float> alphas) {
    auto timesteps = WholeTimesteps(config, run.steps);
    MINNOW_RETURN_IF_ERROR(Check(config, alphas, timesteps));
    return std::unique_ptr<NoiseScheduler>(
        new Ddim(config, run, std::move(alphas), std::move(timesteps)));
  }
  bool draws_noise() const override { return eta_ > 0; }

 private:
  Ddim(const SchedulerConfig& config, const SchedulerRun& run, std::vector<float> alphas,
       std::vector<float> timesteps)
      : AlphaScheduler(config, std::move(alphas), std::move(timesteps), 0),
        eta_(static_cast<float>(run.eta)),
        stride_(config.num_train_timesteps / static_cast<int32_t>(run.steps)) {}

  void Advance(const Tensors& tensors) override {
    const int32_t timestep = TimestepAt(entry());
    const float alpha = AlphaAt(timestep);
    const float next_alpha = AlphaAt(timestep - stride_);
    const float beta = 1.0f - alpha;
    const float next_beta = 1.0f - next_alpha;
    const PredictionType type = config().prediction_type;
    const float signal = std::sqrt(alpha);
    const float spread = std::sqrt(beta);
    const CleanLatent clean_latent{type, signal, spread};
    const float variance = (next_beta / beta) * (1.0f - alpha / next_alpha);
    const float deviation = eta_ * std::sqrt(variance);
    const float direction = std::sqrt(1.0f - next_alpha - deviation * deviation);
    const float next_signal = std::sqrt(next_alpha);
    for (size_t i = 0; i < tensors.size; ++i) {
      const float x = tensors.sample[i];
      const float output = tensors.model_output[i];
      const float clean = clean_latent(x, output);
      float epsilon = output;
      if (type == PredictionType::kSample) epsilon = (x - signal * clean) / spread;
      if (type == PredictionType::kVelocity) epsilon = signal * output + spread * x;
      float next = next_signal * Clip(clean) + direction * epsilon;
      if (eta_ > 0) next += deviation * tensors.noise[i];
      tensors.sample[i] = next;
    }
  }

  const float eta_;
  const int32_t stride_;
};

// Ho et al. 2020.
class Ddpm final : public AlphaScheduler {
 public:
  static NewScheduler Make(const SchedulerConfig& config, const SchedulerRun& run,
                           std::vector<float> alphas) {
    auto timesteps = WholeTimesteps(config, run.steps);
    MINNOW_RETURN_IF_ERROR(Check(config, alphas, timesteps));
    return std::unique_ptr<NoiseScheduler>(
        new Ddpm(config, std::move(alphas), std::move(timesteps)));
  }
  bool draws_noise() const override { return !done() && TimestepAt(entry()) > 0; }

 private:
  Ddpm(const SchedulerConfig& config, std::vector<float> alphas, std::vector<float> timesteps)
      : AlphaScheduler(config, std::move(alphas), std::move(timesteps), 0) {}

  // Of the noise that is added.
  float Deviation(float alpha, float next_alpha) const {
    const float beta = 1.0f - alpha / next_alpha;
    const float variance = std::max((1.0f - next_alpha) / (1.0f - alpha) * beta, 1e-20f);
    switch (config().variance_type) {
      case DdpmVariance::kFixedLarge:
        return std::sqrt(beta);
      case DdpmVariance::kFixedSmallLog:
        return TorchExp(0.5f * TorchLog(variance));
      case DdpmVariance::kFixedSmall:
        break;
    }
    return std::sqrt(variance);
  }

  void Advance(const Tensors& tensors) override {
    const float alpha = AlphaAt(TimestepAt(entry()));
    const bool last = entry() + 1 == timesteps().size();
    const float next_alpha = last ? 1.0f : AlphaAt(TimestepAt(entry() + 1));
    const float beta = 1.0f - alpha;
    const float step_alpha = alpha / next_alpha;
    const float step_beta = 1.0f - step_alpha;
    const CleanLatent clean_latent{config().prediction_type, std::sqrt(alpha), std::sqrt(beta)};
    const float of_clean = (std::sqrt(next_alpha) * step_beta) / beta;
    const float of_sample = std::sqrt(step_alpha) * (1.0f - next_alpha) / beta;
    const bool noisy = draws_noise();
    const float deviation = noisy ? Deviation(alpha, next_alpha) : 0;
    for (size_t i = 0; i < tensors.size; ++i) {
      const float x = tensors.sample[i];
      const float clean = Clip(clean_latent(x, tensors.model_output[i]));
      float next = of_clean * clean + of_sample * x;
      if (noisy) next += deviation * tensors.noise[i];
      tensors.sample[i] = next;
    }
  }
};

// Latent consistency models, Luo et al. 2023.
class Lcm final : public AlphaScheduler {
 public:
  static NewScheduler Make(const SchedulerConfig& config, const SchedulerRun& run,
                           std::vector<float> alphas) {
    const int32_t original = config.original_inference_steps;
    const auto part = static_cast<int64_t>(original * run.original_part);
    if (original > config.num_train_timesteps) {
      return Error{Code::kCorrupt, "original_inference_steps: " + std::to_string(original) +
                                       ", num_train_timesteps is " +
                                       std::to_string(config.num_train_timesteps)};
    }
    if (run.steps > part) {
      return Error{Code::kInvalidArgument,
                   "steps: at most " + std::to_string(part) +
                       " (original_inference_steps of the model, by strength), got " +
                       std::to_string(run.steps)};
    }
    const int32_t stride = config.num_train_timesteps / original;
    const double spacing = static_cast<double>(part) / static_cast<double>(run.steps);
    std::vector<float> timesteps;
    for (int64_t i = 0; i < run.steps; ++i) {
      const auto index = static_cast<int64_t>(static_cast<double>(i) * spacing);
      timesteps.push_back(static_cast<float>((part - index) * stride - 1));
    }
    MINNOW_RETURN_IF_ERROR(Check(config, alphas, timesteps));
    return std::unique_ptr<NoiseScheduler>(
        new Lcm(config, std::move(alphas), std::move(timesteps)));
  }
  bool draws_noise() const override { return entry() + 1 < timesteps().size(); }

 private:
  Lcm(const SchedulerConfig& config, std::vector<float> alphas, std::vector<float> timesteps)
      : AlphaScheduler(config, std::move(alphas), std::move(timesteps), 0) {}

  void Advance(const Tensors& tensors) override {
    const int32_t timestep = TimestepAt(entry());
    const float alpha = AlphaAt(timestep);
    const CleanLatent clean_latent{config().prediction_type, std::sqrt(alpha),
                                   std::sqrt(1.0f - alpha)};
    const float scaled =
        static_cast<float>(timestep) * static_cast<float>(config().timestep_scaling);
    const float square = scaled * scaled + 0.25f;
    const float of_sample = 0.25f / square;
    const float of_clean = scaled / std::sqrt(square);
    const bool noisy = draws_noise();
    const float next_alpha = noisy ? AlphaAt(TimestepAt(entry() + 1)) : 1.0f;
    const float next_signal = std::sqrt(next_alpha);
    const float next_spread = std::sqrt(1.0f - next_alpha);
    for (size_t i = 0; i < tensors.size; ++i) {
      const float x = tensors.sample[i];
      const float clean = Clip(clean_latent(x, tensors.model_output[i]));
      const float denoised = of_clean * clean + of_sample * x;
      tensors.sample[i] =
          noisy ? next_signal * denoised + next_spread * tensors.noise[i] : denoised;
    }
  }
};

}  // namespace

NewScheduler NewDdim(const SchedulerConfig& config, const SchedulerRun& run,
                     std::vector<float> alphas) {
  return Ddim::Make(config, run, std::move(alphas));
}

NewScheduler NewDdpm(const SchedulerConfig& config, const SchedulerRun& run,
                     std::vector<float> alphas) {
  return Ddpm::Make(config, run, std::move(alphas));
}

NewScheduler NewLcm(const SchedulerConfig& config, const SchedulerRun& run,
                    std::vector<float> alphas) {
  return Lcm::Make(config, run, std::move(alphas));
}

}  // namespace minnow
