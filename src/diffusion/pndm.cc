// SPDX-License-Identifier: Apache-2.0
// Pseudo numerical methods, Liu et al. 2022: linear multistep (PLMS), begun with Runge-Kutta (PRK)
// unless skip_prk_steps.
//
// A run that begins in the middle of the list counts its calls from 0 all the same: its second
// repeats the first, and the rest lag one entry behind. Upstream does so.
#include <algorithm>
#include <cmath>

#include "diffusion/scheduler_kinds.h"

namespace minnow {
namespace {

constexpr size_t kOrder = 4;                 // of both methods
constexpr size_t kPrkCalls = 3 * kOrder;     // PRK makes three steps
constexpr size_t kFirstSample = kOrder;      // kept after the ring of the last four answers
constexpr size_t kWeightedSum = kOrder + 1;  // of a PRK step's answers
constexpr size_t kKept = kOrder + 2;

// `even` from high to low. The second is run twice.
std::vector<float> PlmsTimesteps(const std::vector<double>& even) {
  std::vector<double> timesteps = even;
  if (even.size() > 1) timesteps.insert(timesteps.begin() + 1, even[1]);
  return ToFloats(timesteps);
}

// Each of the first three steps is four calls: at its ends, and twice in the middle.
std::vector<float> PrkTimesteps(const std::vector<double>& even, double half_stride) {
  std::vector<double> timesteps;
  for (size_t i = 0; i + 1 < kOrder; ++i) {
    const double middle = even[i + 1] + half_stride;
    timesteps.insert(timesteps.end(), {even[i], middle, middle, even[i + 1]});
  }
  timesteps.insert(timesteps.end(), even.begin() + kOrder - 1, even.end());
  return ToFloats(timesteps);
}

class Pndm final : public AlphaScheduler {
 public:
  static NewScheduler Make(const SchedulerConfig& config, const SchedulerRun& run,
                           std::vector<float> alphas) {
    std::vector<double> even = Timesteps(config, static_cast<size_t>(run.steps));
    RoundHalfToEven(&even);
    const int32_t stride = config.num_train_timesteps / static_cast<int32_t>(run.steps);
    if (!config.skip_prk_steps && even.size() < kOrder) {
      return Error{
          Code::kInvalidArgument,
          "steps: at least 4, since skip_prk_steps is false; got " + std::to_string(run.steps)};
    }
    std::vector<float> timesteps =
        config.skip_prk_steps ? PlmsTimesteps(even) : PrkTimesteps(even, stride / 2);
    MINNOW_RETURN_IF_ERROR(Check(config, alphas, timesteps));
    return std::unique_ptr<NoiseScheduler>(
        new Pndm(config, stride, std::move(alphas), std::move(timesteps)));
  }

 private:
  Pndm(const SchedulerConfig& config, int32_t stride, std::vector<float> alphas,
       std::vector<float> timesteps)
      : AlphaScheduler(config, std::move(alphas), std::move(timesteps), kKept), stride_(stride) {}

  void Forget() override { calls_ = pushed_ = 0; }

  void Advance(const Tensors& tensors) override {
    if (calls_ < kPrkCalls && !config().skip_prk_steps) {
      AdvancePrk(tensors);
    } else {
      AdvancePlms(tensors);
    }
    ++calls_;
  }

  void AdvancePrk(const Tensors& tensors) {
    const size_t stage = calls_ % kOrder;
    if (stage == 0) {
      Push(tensors);
      std::copy_n(tensors.sample, tensors.size, Kept(kFirstSample));
    }
    const float weight = static_cast<float>(stage == 0 || stage == kOrder - 1 ? 1.0 / 6 : 1.0 / 3);
    float* const sum = Kept(kWeightedSum);
    for (size_t i = 0; i < tensors.size; ++i) {
      const float part = weight * tensors.model_output[i];
      sum[i] = stage == 0 ? part : sum[i] + part;
    }
    const int32_t next = TimestepAt(entry()) - (calls_ % 2 == 0 ? stride_ / 2 : 0);
    const int32_t timestep = TimestepAt(calls_ / kOrder * kOrder);
    // The last of the four goes by the weighted sum, the others by what they were told.
    const float* const output = stage + 1 == kOrder ? sum : tensors.model_output;
    Move(timestep, next, tensors.size, Kept(kFirstSample), output, tensors.sample);
  }

  void AdvancePlms(const Tensors& tensors) {
    int32_t timestep = TimestepAt(entry());
    int32_t next = timestep - stride_;
    const float* from = tensors.sample;
    if (calls_ == 1) {
      next = timestep;
      timestep += stride_;
      from = Kept(kFirstSample);
    } else {
      Push(tensors);
    }
    if (calls_ == 0) std::copy_n(tensors.sample, tensors.size, Kept(kFirstSample));
    float* const mixed = Kept(kWeightedSum);
    Mix(tensors, mixed);
    Move(timestep, next, tensors.size, from, mixed, tensors.sample);
  }

  void Push(const Tensors& tensors) {
    ++pushed_;
    std::copy_n(tensors.model_output, tensors.size, Recent(pushed_, 0, kOrder));
  }

  // What the last answers foretell, by as many as there are.
  void Mix(const Tensors& tensors, float* mixed) {
    const float* const e1 = Recent(pushed_, 0, kOrder);
    const float* const e2 = pushed_ > 1 ? Recent(pushed_, 1, kOrder) : nullptr;
    const float* const e3 = pushed_ > 2 ? Recent(pushed_, 2, kOrder) : nullptr;
    const float* const e4 = pushed_ > 3 ? Recent(pushed_, 3, kOrder) : nullptr;
    for (size_t i = 0; i < tensors.size; ++i) {
      if (e4 != nullptr) {
        mixed[i] = static_cast<float>(1.0 / 24) *
                   (55.0f * e1[i] - 59.0f * e2[i] + 37.0f * e3[i] - 9.0f * e4[i]);
      } else if (e3 != nullptr) {
        mixed[i] = (23.0f * e1[i] - 16.0f * e2[i] + 5.0f * e3[i]) / 12.0f;
      } else if (e2 != nullptr) {
        mixed[i] = (3.0f * e1[i] - e2[i]) / 2.0f;
      } else {
        mixed[i] = calls_ == 1 ? (tensors.model_output[i] + e1[i]) / 2.0f : e1[i];
      }
    }
  }

  // Formula (9) of the paper. `to` may be `from`.
  void Move(int32_t timestep, int32_t next, size_t size, const float* from, const float* output,
            float* to) const {
    const float alpha = AlphaAt(timestep);
    const float next_alpha = AlphaAt(next);
    const float beta = 1.0f - alpha;
    const float next_beta = 1.0f - next_alpha;
    const float of_sample = std::sqrt(next_alpha / alpha);
    const float of_output = next_alpha - alpha;
    const float divisor = alpha * std::sqrt(next_beta) + std::sqrt(alpha * beta * next_alpha);
    const bool velocity = config().prediction_type == PredictionType::kVelocity;
    const float signal = std::sqrt(alpha);
    const float spread = std::sqrt(beta);
    for (size_t i = 0; i < size; ++i) {
      const float epsilon = velocity ? signal * output[i] + spread * from[i] : output[i];
      to[i] = of_sample * from[i] - of_output * epsilon / divisor;
    }
  }

  const int32_t stride_;  // of the training's timesteps
  size_t calls_ = 0;
  size_t pushed_ = 0;
};

}  // namespace

NewScheduler NewPndm(const SchedulerConfig& config, const SchedulerRun& run,
                     std::vector<float> alphas) {
  return Pndm::Make(config, run, std::move(alphas));
}

}  // namespace minnow
