// SPDX-License-Identifier: Apache-2.0
// DPM-Solver++, multistep (Lu et al. 2022): orders 1 to 3, with and without Karras' sigmas.
#include <algorithm>
#include <cmath>

#include "diffusion/solver_scheduler.h"

namespace minnow {
namespace {

class DpmSolver final : public SolverScheduler {
 public:
  DpmSolver(const SchedulerConfig& config, SolverSchedule schedule)
      : SolverScheduler(config, std::move(schedule), static_cast<size_t>(config.solver_order)),
        slots_(static_cast<size_t>(config.solver_order)),
        heun_(config.heun_solver),
        // With few steps, high orders at the end overshoot.
        lower_at_end_(config.lower_order_final && timesteps().size() < 15),
        first_order_last_(config.euler_at_final || lower_at_end_ ||
                          config.final_sigma == FinalSigma::kZero) {}

 private:
  // What all orders begin with: x is scaled, and x0 mixed in.
  struct Base {
    float h;          // the step in lambda
    float of_sample;  // sigma' / sigma
    float decay;      // e^-h - 1
    float alpha;
    float of_clean;  // alpha' * decay
  };

  Base BaseOf(const Point& from, const Point& to) const {
    const float h = to.lambda - from.lambda;
    const float decay = TorchExp(-h) - 1.0f;
    return {h, to.sigma / from.sigma, decay, to.alpha, to.alpha * decay};
  }

  void Advance(const Tensors& tensors) override {
    const size_t pushed = entry() - first() + 1;
    ToClean(tensors, Recent(pushed, 0, slots_));
    const size_t left = timesteps().size() - entry();
    size_t order = std::min(pushed, slots_);
    if (left == 1 && first_order_last_) order = 1;
    if (left == 2 && lower_at_end_) order = std::min<size_t>(order, 2);
    if (order == 1) {
      First(tensors, pushed);
    } else if (order == 2) {
      Second(tensors, pushed);
    } else {
      Third(tensors, pushed);
    }
  }

  void First(const Tensors& tensors, size_t pushed) {
    const Base base = BaseOf(At(entry()), At(entry() + 1));
    const float* const m0 = Recent(pushed, 0, slots_);
    for (size_t i = 0; i < tensors.size; ++i) {
      tensors.sample[i] = base.of_sample * tensors.sample[i] - base.of_clean * m0[i];
    }
  }

  void Second(const Tensors& tensors, size_t pushed) {
    const Point now = At(entry());
    const Base base = BaseOf(now, At(entry() + 1));
    const float r0 = (now.lambda - At(entry() - 1).lambda) / base.h;
    const float of_difference = 1.0f / r0;
    const float of_slope =
        heun_ ? base.alpha * (base.decay / base.h + 1.0f) : -(0.5f * base.of_clean);
    const float* const m0 = Recent(pushed, 0, slots_);
    const float* const m1 = Recent(pushed, 1, slots_);
    for (size_t i = 0; i < tensors.size; ++i) {
      const float slope = of_difference * (m0[i] - m1[i]);
      tensors.sample[i] =
          base.of_sample * tensors.sample[i] - base.of_clean * m0[i] + of_slope * slope;
    }
  }

  void Third(const Tensors& tensors, size_t pushed) {
    const Point now = At(entry());
    const Point before = At(entry() - 1);
    const Base base = BaseOf(now, At(entry() + 1));
    const float r0 = (now.lambda - before.lambda) / base.h;
    const float r1 = (before.lambda - At(entry() - 2).lambda) / base.h;
    const float of_first = 1.0f / r0;
    const float of_second = 1.0f / r1;
    const float share = r0 / (r0 + r1);
    const float of_curve = 1.0f / (r0 + r1);
    const float c1 = base.alpha * (base.decay / base.h + 1.0f);
    const float c2 = base.alpha * ((base.decay + base.h) / (base.h * base.h) - 0.5f);
    const float* const m0 = Recent(pushed, 0, slots_);
    const float* const m1 = Recent(pushed, 1, slots_);
    const float* const m2 = Recent(pushed, 2, slots_);
    for (size_t i = 0; i < tensors.size; ++i) {
      const float slope = of_first * (m0[i] - m1[i]);
      const float bend = slope - of_second * (m1[i] - m2[i]);
      const float d1 = slope + share * bend;
      const float d2 = of_curve * bend;
      tensors.sample[i] =
          base.of_sample * tensors.sample[i] - base.of_clean * m0[i] + c1 * d1 - c2 * d2;
    }
  }

  const size_t slots_;
  const bool heun_, lower_at_end_, first_order_last_;
};

}  // namespace

NewScheduler NewDpmSolver(const SchedulerConfig& config, const SchedulerRun& run,
                          std::vector<float> alphas) {
  MINNOW_ASSIGN_OR_RETURN(SolverSchedule schedule, MakeSolverSchedule(config, run, alphas));
  return std::unique_ptr<NoiseScheduler>(new DpmSolver(config, std::move(schedule)));
}

}  // namespace minnow
