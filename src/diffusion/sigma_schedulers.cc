// SPDX-License-Identifier: Apache-2.0
// Schedulers that count in sigmas, x = x0 + sigma * noise (Karras et al. 2022): Euler, Euler
// ancestral, Heun and linear multistep (LMS). Their timesteps may be fractions.
#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "diffusion/scheduler_kinds.h"

namespace minnow {
namespace {

struct Schedule {
  std::vector<float> timesteps;
  std::vector<float> sigmas;  // one more: where the last step ends
};

Result<Schedule> MakeSchedule(const SchedulerConfig& config, const SchedulerRun& run,
                              std::span<const float> alphas) {
  const std::vector<float> all = SigmasOf(alphas);
  Schedule schedule;
  schedule.timesteps = ToFloats(Timesteps(config, static_cast<size_t>(run.steps)));
  std::vector<double> sigmas;
  for (const float timestep : schedule.timesteps) sigmas.push_back(InterpolateSigma(all, timestep));
  if (config.use_karras_sigmas) {
    sigmas = KarrasSigmas(config.sigma_min.value_or(sigmas.back()),
                          config.sigma_max.value_or(sigmas.front()), sigmas.size());
    const std::vector<float> log_sigmas = LogarithmsOf(all);
    for (size_t i = 0; i < sigmas.size(); ++i) {
      schedule.timesteps[i] = static_cast<float>(TimestepOfSigma(sigmas[i], log_sigmas));
    }
  }
  sigmas.push_back(config.final_sigma == FinalSigma::kSmallest ? all.front() : 0);
  schedule.sigmas = ToFloats(sigmas);
  MINNOW_RETURN_IF_ERROR(CheckSigmasFall(schedule.sigmas));
  return schedule;
}

// x0 by what a model says of x / sqrt(sigma^2 + 1).
struct SigmaClean {
  SigmaClean(PredictionType prediction, float at)
      : type(prediction),
        sigma(at),
        of_output(-at / std::sqrt(at * at + 1.0f)),
        divisor(at * at + 1.0f) {}

  float operator()(float x, float output) const {
    switch (type) {
      case PredictionType::kEpsilon:
        return x - sigma * output;
      case PredictionType::kVelocity:
        return output * of_output + x / divisor;
      case PredictionType::kSample:
        break;
    }
    return output;
  }

  PredictionType type;
  float sigma, of_output, divisor;
};

class SigmaScheduler : public NoiseScheduler {
 public:
  void AddNoise(size_t entry, std::span<const float> original, std::span<const float> noise,
                std::span<float> out) const override {
    CHECK(original.size() == out.size() && noise.size() == out.size());
    const float sigma = sigmas_[entry];
    for (size_t i = 0; i < out.size(); ++i) out[i] = original[i] + noise[i] * sigma;
  }
  void ScaleInput(std::span<const float> sample, std::span<float> out) const override {
    CHECK(sample.size() == out.size());
    const float sigma = sigmas_[entry()];
    const float divisor = std::sqrt(sigma * sigma + 1.0f);
    for (size_t i = 0; i < out.size(); ++i) out[i] = sample[i] / divisor;
  }

 protected:
  SigmaScheduler(const SchedulerConfig& config, Schedule schedule, size_t order, size_t kept)
      : NoiseScheduler(std::move(schedule.timesteps), order, InitSigma(config, schedule.sigmas),
                       kept),
        prediction_(config.prediction_type),
        sigmas_(std::move(schedule.sigmas)) {}

  float sigma(size_t entry) const { return sigmas_[entry]; }
  SigmaClean CleanAt(float sigma) const { return SigmaClean(prediction_, sigma); }

 private:
  static float InitSigma(const SchedulerConfig& config, const std::vector<float>& sigmas) {
    const float most = *std::max_element(sigmas.begin(), sigmas.end());
    if (config.timestep_spacing != TimestepSpacing::kLeading) return most;
    return std::sqrt(most * most + 1.0f);
  }

  const PredictionType prediction_;
  const std::vector<float> sigmas_;
};

class Euler final : public SigmaScheduler {
 public:
  Euler(const SchedulerConfig& config, Schedule schedule)
      : SigmaScheduler(config, std::move(schedule), 1, 0) {}

 private:
  void Advance(const Tensors& tensors) override {
    const float now = sigma(entry());
    const float step = sigma(entry() + 1) - now;
    const SigmaClean clean = CleanAt(now);
    for (size_t i = 0; i < tensors.size; ++i) {
      const float x = tensors.sample[i];
      const float slope = (x - clean(x, tensors.model_output[i])) / now;
      tensors.sample[i] = x + slope * step;
    }
  }
};

// Each step goes further down than it should, and noise is added up to the sigma that was meant.
class EulerAncestral final : public SigmaScheduler {
 public:
  EulerAncestral(const SchedulerConfig& config, Schedule schedule)
      : SigmaScheduler(config, std::move(schedule), 1, 0) {}
  bool draws_noise() const override { return true; }  // in the last step too, where it is times 0

 private:
  void Advance(const Tensors& tensors) override {
    const float now = sigma(entry());
    const float next = sigma(entry() + 1);
    const float now2 = now * now;
    const float next2 = next * next;
    const float up = std::sqrt(next2 * (now2 - next2) / now2);
    const float down = std::sqrt(next2 - up * up);
    const float step = down - now;
    const SigmaClean clean = CleanAt(now);
    for (size_t i = 0; i < tensors.size; ++i) {
      const float x = tensors.sample[i];
      const float slope = (x - clean(x, tensors.model_output[i])) / now;
      tensors.sample[i] = (x + slope * step) + tensors.noise[i] * up;
    }
  }
};

// Two entries a step: one as Euler's, then one from where that one began, by both slopes' mean.
class Heun final : public SigmaScheduler {
 public:
  // Each but the first and the last twice.
  static Schedule Doubled(const Schedule& schedule) {
    const size_t steps = schedule.timesteps.size();
    Schedule doubled;
    for (size_t i = 0; i < steps; ++i) {
      for (int twice = i == 0 ? 1 : 0; twice < 2; ++twice) {
        doubled.timesteps.push_back(schedule.timesteps[i]);
        doubled.sigmas.push_back(schedule.sigmas[i]);
      }
    }
    doubled.sigmas.push_back(schedule.sigmas[steps]);
    return doubled;
  }

  Heun(const SchedulerConfig& config, Schedule schedule)
      : SigmaScheduler(config, std::move(schedule), 2, 2),
        clip_(config.clip_sample ? static_cast<float>(config.clip_sample_range) : INFINITY) {}

 private:
  void Forget() override { second_ = false; }

  void Advance(const Tensors& tensors) override {
    const float from = second_ ? sigma(entry() - 1) : sigma(entry());
    const float to = second_ ? sigma(entry()) : sigma(entry() + 1);
    const float now = second_ ? to : from;
    const float step = to - from;
    const SigmaClean clean = CleanAt(now);
    float* const slopes = Kept(0);
    float* const samples = Kept(1);
    for (size_t i = 0; i < tensors.size; ++i) {
      const float x = tensors.sample[i];
      const float x0 = std::min(std::max(clean(x, tensors.model_output[i]), -clip_), clip_);
      const float slope = (x - x0) / now;
      if (second_) {
        tensors.sample[i] = samples[i] + (slopes[i] + slope) / 2.0f * step;
      } else {
        slopes[i] = slope;
        samples[i] = x;
        tensors.sample[i] = x + slope * step;
      }
    }
    second_ = !second_;
  }

  const float clip_;
  bool second_ = false;
};

class Lms final : public SigmaScheduler {
 public:
  Lms(const SchedulerConfig& config, const SchedulerRun& run, Schedule schedule)
      : SigmaScheduler(config, std::move(schedule), 1, kOrder),
        counts_run_steps_(run.lms_counts_run_steps) {}

 private:
  static constexpr size_t kOrder = 4;

  // The integral over this step of the Lagrange polynomial that is 1 at the sigma `which` entries
  // ago and 0 at the others of the last `order`.
  double Weight(size_t order, size_t which) const {
    const double from = sigma(entry());
    const double to = sigma(entry() + 1);
    const double middle = (from + to) / 2;
    const double reach = (to - from) / 2;
    double sum = 0;
    // Gauss's rule with two points is exact for a cubic.
    for (const double point : {-0.57735026918962576451, 0.57735026918962576451}) {
      const double at = middle + reach * point;
      double product = 1;
      for (size_t k = 0; k < order; ++k) {
        if (k == which) continue;
        const double other = sigma(entry() - k);
        product *= (at - other) / (sigma(entry() - which) - other);
      }
      sum += product;
    }
    return sum * reach;
  }

  void Advance(const Tensors& tensors) override {
    const float now = sigma(entry());
    const SigmaClean clean = CleanAt(now);
    const size_t pushed = entry() - first() + 1;
    float* const newest = Recent(pushed, 0, kOrder);
    for (size_t i = 0; i < tensors.size; ++i) {
      const float x = tensors.sample[i];
      newest[i] = (x - clean(x, tensors.model_output[i])) / now;
    }
    // Upstream's order counts entries before the first too, though it has no slopes of those.
    const size_t order = std::min(counts_run_steps_ ? pushed : entry() + 1, kOrder);
    const size_t slopes = std::min({pushed, order, kOrder});
    std::array<float, kOrder> weights{};
    std::array<const float*, kOrder> recent{};
    for (size_t k = 0; k < slopes; ++k) {
      weights[k] = static_cast<float>(Weight(order, k));
      recent[k] = Recent(pushed, k, kOrder);
    }
    for (size_t i = 0; i < tensors.size; ++i) {
      float sum = 0;
      for (size_t k = 0; k < slopes; ++k) sum += weights[k] * recent[k][i];
      tensors.sample[i] += sum;
    }
  }

  const bool counts_run_steps_;
};

}  // namespace

NewScheduler NewSigmaScheduler(const SchedulerConfig& config, const SchedulerRun& run,
                               std::vector<float> alphas) {
  MINNOW_ASSIGN_OR_RETURN(Schedule schedule, MakeSchedule(config, run, alphas));
  std::unique_ptr<NoiseScheduler> scheduler;
  if (config.kind == SchedulerKind::kEulerAncestral) {
    scheduler = std::make_unique<EulerAncestral>(config, std::move(schedule));
  } else if (config.kind == SchedulerKind::kHeun) {
    scheduler = std::make_unique<Heun>(config, Heun::Doubled(schedule));
  } else if (config.kind == SchedulerKind::kLms) {
    scheduler = std::make_unique<Lms>(config, run, std::move(schedule));
  } else {
    scheduler = std::make_unique<Euler>(config, std::move(schedule));
  }
  return scheduler;
}

}  // namespace minnow
