// SPDX-License-Identifier: Apache-2.0
// The samplers and schedulers of the A1111 web UI, by its names. Pure; thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace minnow::api {

struct WebUiSampler {
  std::string_view name;          // "Euler a"
  std::string_view alias;         // "k_euler_a"
  std::string_view ours;          // "euler_a", of SchedulerNames()
  std::string_view karras = {};   // the same with Karras' sigmas; empty: it has none
  bool karras_by_itself = false;  // where no scheduler is asked for
  bool sigmas = false;            // other sigmas than its own would make another picture
};
std::span<const WebUiSampler> WebUiSamplers();

struct WebUiScheduler {
  std::string_view name;   // "karras"
  std::string_view label;  // "Karras"
};
std::span<const WebUiScheduler> WebUiSchedulers();

struct WebUiSampling {
  const WebUiSampler* sampler;
  std::string_view scheduler;  // its label
  std::string_view ours;
};
// "DPM++ 2M Karras" is the sampler "DPM++ 2M" with the scheduler "Karras". kNotFound: no such
// sampler; kInvalidArgument: no such scheduler, or not with this sampler. Upper case is lower case.
Result<WebUiSampling> FindWebUiSampling(std::string_view sampler, std::string_view scheduler);

}  // namespace minnow::api
