// SPDX-License-Identifier: Apache-2.0
// What scheduler_config.json says: which scheduler, the noise that the model was trained with, and
// how timesteps are chosen. Names and meanings are those of diffusers.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"

namespace minnow {

enum class SchedulerKind {
  kDdim,
  kPndm,
  kEuler,
  kEulerAncestral,
  kHeun,
  kLms,
  kDpmSolver,  // DPM-Solver++, multistep
  kUniPc,
  kLcm,
  kDdpm,
};

// A scheduler by one of its names.
struct SchedulerChoice {
  SchedulerKind kind = SchedulerKind::kPndm;
  bool karras = false;  // use_karras_sigmas, whatever the file says
};

// The names of --scheduler: ddim, pndm, euler, euler_a, heun, lms, dpmpp_2m, dpmpp_2m_karras,
// unipc, lcm, ddpm.
std::span<const std::string_view> SchedulerNames();
// One of these names, or euler_karras, heun_karras, lms_karras. An unknown one is kInvalidArgument
// and lists them.
Result<SchedulerChoice> SchedulerByName(std::string_view name);
// A class of diffusers, as model_index.json and _class_name have it: "PNDMScheduler".
Result<SchedulerChoice> SchedulerByClass(std::string_view name);

enum class BetaSchedule { kLinear, kScaledLinear, kSquaredCosine };
enum class TimestepSpacing { kLeading, kLinspace, kTrailing };
enum class PredictionType { kEpsilon, kVelocity, kSample };
enum class FinalSigma { kZero, kSmallest };
enum class DdpmVariance { kFixedSmall, kFixedSmallLog, kFixedLarge };

// Fields that a class does not have keep the values here, and it does not look at them.
struct SchedulerConfig {
  SchedulerKind kind = SchedulerKind::kPndm;

  int32_t num_train_timesteps = 1000;
  double beta_start = 0.0001, beta_end = 0.02;
  BetaSchedule beta_schedule = BetaSchedule::kLinear;
  std::vector<float> trained_betas;  // empty: by beta_schedule
  bool rescale_betas_zero_snr = false;
  PredictionType prediction_type = PredictionType::kEpsilon;
  TimestepSpacing timestep_spacing = TimestepSpacing::kLeading;
  int32_t steps_offset = 0;

  bool clip_sample = false;
  double clip_sample_range = 1;
  bool set_alpha_to_one = true;
  bool skip_prk_steps = false;
  DdpmVariance variance_type = DdpmVariance::kFixedSmall;

  bool use_karras_sigmas = false;
  std::optional<double> sigma_min, sigma_max;  // of Karras' sigmas
  FinalSigma final_sigma = FinalSigma::kZero;

  int32_t solver_order = 2;  // 1 to 3
  bool lower_order_final = true;
  bool euler_at_final = false;
  bool heun_solver = false;  // solver_type of DPM-Solver: heun, not midpoint
  bool bh1_solver = false;   // solver_type of UniPC: bh1, not bh2
  double lambda_min_clipped = -std::numeric_limits<double>::infinity();
  std::vector<int32_t> disable_corrector;

  int32_t original_inference_steps = 50;
  double timestep_scaling = 10;
};

// scheduler_config.json as diffusers writes it, which is JSON but for -Infinity (in
// lambda_min_clipped): that becomes null.
Result<JsonDocument> ParseSchedulerFile(std::string_view text, std::string name);

// The class `choice` with the fields of `object`, whose own class may be another: as from_config
// does it, the class takes the fields that it has, and its defaults for those not said. A value of
// the wrong type, out of range or of another sampler (flow matching, thresholding, learned
// variances, ...) is an error that names the field.
Result<SchedulerConfig> ReadSchedulerConfig(const JsonView& object, const SchedulerChoice& choice);
// The class that the object's _class_name says.
Result<SchedulerConfig> ReadSchedulerConfig(const JsonView& object);

// The Stable Diffusion pipelines overrule two fields of outdated files: steps_offset is 1, and
// clip_sample false.
SchedulerConfig ForStableDiffusion(SchedulerConfig config);

}  // namespace minnow
