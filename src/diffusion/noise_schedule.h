// SPDX-License-Identifier: Apache-2.0
// The arithmetic that schedulers share before the first step: how much noise each timestep of the
// training had, and which timesteps are run. In the precisions and the order of diffusers, which
// mixes float32 (torch) and double (numpy), so that the last bits agree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "diffusion/scheduler_config.h"

namespace minnow {

// Of each training timestep, what is left of the picture's variance: falls from nearly 1 to nearly
// 0. kCorrupt where the betas leave nothing to compute with.
Result<std::vector<float>> AlphasCumprod(const SchedulerConfig& config);

// sqrt((1 - a) / a) of each.
std::vector<float> SigmasOf(std::span<const float> alphas_cumprod);

// `count` timesteps from high to low, not rounded where the spacing is linspace; leading and
// trailing ones are whole. leading: multiples of `stride`, with config.steps_offset. linspace: from
// `train_timesteps` - 1 to 0. trailing: from `train_timesteps` - 1, config.num_train_timesteps /
// `steps` apart.
//
// Upstream's trailing list has an entry more, -1, for some counts (61, 103, ...), by rounding; that
// is no timestep, and is left out here.
std::vector<double> LinspaceTimesteps(int32_t train_timesteps, size_t count);
std::vector<double> LeadingTimesteps(int32_t stride, size_t count, int32_t offset);
std::vector<double> TrailingTimesteps(int32_t train_timesteps, double stride, size_t count);
// The one that config.timestep_spacing says, with `steps` entries.
std::vector<double> Timesteps(const SchedulerConfig& config, size_t steps);

void RoundHalfToEven(std::vector<double>* values);

// Sigma at a timestep that may be a fraction; beyond the ends, that of the end.
double InterpolateSigma(std::span<const float> sigmas, double timestep);

// `count` sigmas from `most` to `least`, evenly spaced in the seventh root (Karras et al. 2022).
std::vector<double> KarrasSigmas(double least, double most, size_t count);

// The timestep whose sigma it is, a fraction.
double TimestepOfSigma(double sigma, std::span<const float> log_sigmas);
std::vector<float> LogarithmsOf(std::span<const float> sigmas);

}  // namespace minnow
