// SPDX-License-Identifier: Apache-2.0
// UniPC (Zhao et al. 2023): each answer of the model first corrects the sample that it was asked
// about, then predicts the next. Orders 1 to 3, on predicted x0.
#include <algorithm>
#include <array>
#include <cmath>

#include "diffusion/solver_scheduler.h"

namespace minnow {
namespace {

constexpr size_t kMostOrder = 3;
using Vector = std::array<float, kMostOrder>;

// x with matrix x = right, by elimination with row exchange.
Vector Solve(std::array<Vector, kMostOrder> matrix, Vector right, size_t size) {
  for (size_t column = 0; column < size; ++column) {
    size_t pivot = column;
    for (size_t row = column + 1; row < size; ++row) {
      if (std::fabs(matrix[row][column]) > std::fabs(matrix[pivot][column])) pivot = row;
    }
    std::swap(matrix[column], matrix[pivot]);
    std::swap(right[column], right[pivot]);
    for (size_t row = column + 1; row < size; ++row) {
      const float factor = matrix[row][column] / matrix[column][column];
      for (size_t k = column; k < size; ++k) matrix[row][k] -= factor * matrix[column][k];
      right[row] -= factor * right[column];
    }
  }
  Vector solution{};
  for (size_t row = size; row-- > 0;) {
    float sum = right[row];
    for (size_t k = row + 1; k < size; ++k) sum -= matrix[row][k] * solution[k];
    solution[row] = sum / matrix[row][row];
  }
  return solution;
}

class UniPc final : public SolverScheduler {
 public:
  UniPc(const SchedulerConfig& config, SolverSchedule schedule)
      : SolverScheduler(config, std::move(schedule), Slots(config) + 1),
        order_(static_cast<size_t>(config.solver_order)),
        slots_(Slots(config)),
        bh1_(config.bh1_solver),
        lower_order_final_(config.lower_order_final),
        disable_corrector_(config.disable_corrector) {}

 private:
  // A corrector looks at the newest answer beside those that the predictor before it used.
  static size_t Slots(const SchedulerConfig& config) {
    return static_cast<size_t>(config.solver_order) + 1;
  }

  // A step from one entry to the next, of an order.
  struct Update {
    float of_sample, of_clean, of_rest;
    Vector rk{};       // where the earlier answers lie, in steps
    Vector weights{};  // of their differences; the corrector's last is of the new answer's
  };

  void Forget() override { last_order_ = 0; }

  Update UpdateFrom(size_t from, size_t order, bool corrector) const {
    const Point now = At(from);
    const Point next = At(from + 1);
    const float h = next.lambda - now.lambda;
    const float hh = -h;
    const float phi_1 = TorchExpm1(hh);
    const float b_h = bh1_ ? hh : phi_1;
    Update update{next.sigma / now.sigma, next.alpha * phi_1, next.alpha * b_h, {}, {}};
    for (size_t k = 0; k + 1 < order; ++k) {
      update.rk[k] = (At(from - 1 - k).lambda - now.lambda) / h;
    }
    const size_t size = corrector ? order : order - 1;
    if (size == 0) return update;
    update.weights[0] = 0.5f;
    if (size == 1) return update;
    Vector points = update.rk;
    points[order - 1] = 1.0f;
    std::array<Vector, kMostOrder> matrix{};
    Vector right{};
    float phi_k = phi_1 / hh - 1.0f;
    double factorial = 1;
    for (size_t row = 0; row < size; ++row) {
      for (size_t k = 0; k < size; ++k) {
        matrix[row][k] = row == 0 ? 1.0f : matrix[row - 1][k] * points[k];
      }
      right[row] = phi_k * static_cast<float>(factorial) / b_h;
      factorial *= static_cast<double>(row + 2);
      phi_k = phi_k / hh - static_cast<float>(1 / factorial);
    }
    update.weights = Solve(matrix, right, size);
    return update;
  }

  // Goes from `from` by `clean`, x0 at the beginning of the step, and the answers before it.
  // `answer`: x0 at the end of the step, for the corrector. `newest`: how many answers ago `clean`
  // was.
  void Apply(const Update& update, size_t order, size_t newest, size_t size, const float* from,
             const float* answer, float* to) {
    std::array<const float*, kMostOrder + 1> clean{};
    for (size_t k = 0; k < order; ++k) clean[k] = Recent(pushed_, newest + k, slots_);
    for (size_t i = 0; i < size; ++i) {
      const float m0 = clean[0][i];
      float rest = 0;
      for (size_t k = 0; k + 1 < order; ++k) {
        rest += update.weights[k] * ((clean[k + 1][i] - m0) / update.rk[k]);
      }
      if (answer != nullptr) rest += update.weights[order - 1] * (answer[i] - m0);
      to[i] = (update.of_sample * from[i] - update.of_clean * m0) - update.of_rest * rest;
    }
  }

  void Advance(const Tensors& tensors) override {
    const size_t now = entry();
    pushed_ = now - first() + 1;
    float* const answer = Recent(pushed_, 0, slots_);
    float* const before = Kept(slots_);  // the sample at the beginning of the last step
    ToClean(tensors, answer);
    const bool disabled = now > 0 && std::find(disable_corrector_.begin(), disable_corrector_.end(),
                                               now - 1) != disable_corrector_.end();
    if (last_order_ > 0 && !disabled) {
      Apply(UpdateFrom(now - 1, last_order_, true), last_order_, 1, tensors.size, before, answer,
            tensors.sample);
    }
    size_t order = std::min(order_, pushed_);
    if (lower_order_final_) order = std::min(order, timesteps().size() - now);
    last_order_ = order;
    std::copy_n(tensors.sample, tensors.size, before);
    Apply(UpdateFrom(now, order, false), order, 0, tensors.size, before, nullptr, tensors.sample);
  }

  const size_t order_, slots_;
  const bool bh1_, lower_order_final_;
  const std::vector<int32_t> disable_corrector_;
  size_t last_order_ = 0;  // 0: no step yet
  size_t pushed_ = 0;
};

}  // namespace

NewScheduler NewUniPc(const SchedulerConfig& config, const SchedulerRun& run,
                      std::vector<float> alphas) {
  if (config.final_sigma == FinalSigma::kZero && config.bh1_solver) {
    return Error{Code::kUnsupported,
                 "solver_type: bh1 needs final_sigmas_type \"sigma_min\", since its steps grow "
                 "without end towards a sigma of 0"};
  }
  if (config.final_sigma == FinalSigma::kZero && config.solver_order > 1 &&
      !config.lower_order_final) {
    return Error{Code::kUnsupported,
                 "lower_order_final: false needs final_sigmas_type \"sigma_min\", since no order "
                 "above 1 reaches a sigma of 0"};
  }
  MINNOW_ASSIGN_OR_RETURN(SolverSchedule schedule, MakeSolverSchedule(config, run, alphas));
  return std::unique_ptr<NoiseScheduler>(new UniPc(config, std::move(schedule)));
}

}  // namespace minnow
