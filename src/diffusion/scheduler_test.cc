// SPDX-License-Identifier: Apache-2.0
#include "diffusion/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "diffusion/noise.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

SchedulerConfig ConfigOf(std::string_view name, std::string_view text = R"({
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "clip_sample": false})") {
  const auto document = ParseSchedulerFile(text, "scheduler_config.json");
  EXPECT_TRUE(document.ok());
  const auto config = ReadSchedulerConfig(document->root(), *SchedulerByName(name));
  EXPECT_TRUE(config.ok()) << config.error().message;
  return *config;
}

std::string ErrorOf(const SchedulerConfig& config, const SchedulerRun& run) {
  const auto scheduler = NoiseScheduler::Make(config, run);
  return scheduler.ok() ? "" : scheduler.error().message;
}

// Runs to the end by a model that knows the noise of the picture `clean`, of one value.
float Denoise(NoiseScheduler& scheduler, size_t first, float clean, float noise) {
  std::vector<float> latent{clean}, input(1), output(1), drawn{noise};
  scheduler.Begin(first, 1);
  scheduler.AddNoise(first, latent, drawn, latent);
  while (!scheduler.done()) {
    scheduler.ScaleInput(latent, input);
    // The noise that is in the latent, by what a picture without any would be there.
    std::vector<float> without{clean}, zero{0}, one{1}, unit{0};
    scheduler.AddNoise(scheduler.entry(), without, zero, without);
    scheduler.AddNoise(scheduler.entry(), unit, one, unit);
    output[0] = (latent[0] - without[0]) / unit[0];
    scheduler.Step(output, drawn, latent);
    if (!std::isfinite(latent[0])) return latent[0];
  }
  return latent[0];
}

TEST(NoiseScheduler, FindsThePictureWhereTheModelKnowsTheNoise) {
  for (const std::string_view name : SchedulerNames()) {
    // Of the last step PNDM keeps the noise of timestep 0, and LMS from the middle more.
    const double tolerance = name == "pndm" ? 0.1 : 0.04;
    for (const int64_t steps : {1, 2, 4, 10, 25, 50}) {
      const auto scheduler = NoiseScheduler::Make(ConfigOf(name), {.steps = steps});
      ASSERT_TRUE(scheduler.ok()) << scheduler.error().message;
      EXPECT_NEAR(Denoise(**scheduler, 0, 0.7f, 1.3f), 0.7, tolerance) << name << " " << steps;
    }
  }
}

TEST(NoiseScheduler, LmsFromTheMiddleMayCountTheStepsThatItRuns) {
  const auto as_upstream = NoiseScheduler::Make(ConfigOf("lms"), {.steps = 20});
  const auto counted =
      NoiseScheduler::Make(ConfigOf("lms"), {.steps = 20, .lms_counts_run_steps = true});
  ASSERT_TRUE(as_upstream.ok() && counted.ok());
  EXPECT_NEAR(Denoise(**counted, 10, 0.7f, 1.3f), 0.7, 1e-3);
  EXPECT_GT(std::fabs(Denoise(**as_upstream, 10, 0.7f, 1.3f) - 0.7), 0.005);
  EXPECT_EQ(Denoise(**counted, 0, 0.7f, 1.3f), Denoise(**as_upstream, 0, 0.7f, 1.3f));
}

TEST(NoiseScheduler, ValuesDoNotDependOnTheirNeighbours) {
  for (const std::string_view name : SchedulerNames()) {
    const auto scheduler = NoiseScheduler::Make(ConfigOf(name), {.steps = 6, .eta = 1});
    ASSERT_TRUE(scheduler.ok());
    const auto run = [&](size_t size) {
      TorchGenerator generator(3);
      std::vector<float> latent(40), noise(40), output(40);
      generator.Normal(latent);
      generator.Normal(noise);
      latent.resize(size);
      noise.resize(size);
      output.resize(size);
      (*scheduler)->Begin(0, size);
      while (!(*scheduler)->done()) {
        for (size_t i = 0; i < size; ++i) output[i] = 0.5f * latent[i];
        (*scheduler)->Step(output, noise, latent);
      }
      return latent;
    };
    auto all = run(40);
    all.resize(7);
    EXPECT_EQ(all, run(7)) << name;
  }
}

TEST(NoiseScheduler, StepsOutOfRangeAreRefused) {
  for (const std::string_view name : SchedulerNames()) {
    for (const int64_t steps :
         {int64_t{0}, int64_t{-1}, int64_t{1001}, int64_t{1000000000}, INT64_MAX, INT64_MIN}) {
      EXPECT_THAT(ErrorOf(ConfigOf(name), {.steps = steps}), HasSubstr("steps")) << name;
    }
  }
  EXPECT_THAT(ErrorOf(ConfigOf("lcm"), {.steps = 51}), HasSubstr("at most 50"));
  EXPECT_THAT(ErrorOf(ConfigOf("lcm"), {.steps = 8, .original_part = 0.1}), HasSubstr("at most 5"));
  EXPECT_THAT(ErrorOf(ConfigOf("ddim"), {.steps = 1000}), HasSubstr("steps_offset"));
  EXPECT_THAT(ErrorOf(ConfigOf("dpmpp_2m"), {.steps = 1000}), HasSubstr("fewer steps"));
}

TEST(NoiseScheduler, EtaAndStrengthAreChecked) {
  for (const double eta : {-0.1, 1.5, std::nan(""), double{INFINITY}}) {
    EXPECT_THAT(ErrorOf(ConfigOf("ddim"), {.eta = eta}), HasSubstr("eta"));
  }
  for (const double part : {0.0, -1.0, 1.5, std::nan("")}) {
    EXPECT_THAT(ErrorOf(ConfigOf("lcm"), {.steps = 4, .original_part = part}),
                HasSubstr("strength"));
  }
}

TEST(NoiseScheduler, WhatCannotBeComputedIsRefused) {
  EXPECT_THAT(ErrorOf(ConfigOf("ddim", R"({"rescale_betas_zero_snr": true,
                                           "timestep_spacing": "trailing"})"),
                      {.steps = 8}),
              HasSubstr("rescale_betas_zero_snr"));
  EXPECT_THAT(ErrorOf(ConfigOf("unipc", R"({"lower_order_final": false})"), {.steps = 8}),
              HasSubstr("lower_order_final"));
  EXPECT_THAT(ErrorOf(ConfigOf("unipc", R"({"solver_type": "bh1"})"), {.steps = 8}),
              HasSubstr("solver_type"));
  EXPECT_THAT(ErrorOf(ConfigOf("pndm", "{}"), {.steps = 3}), HasSubstr("skip_prk_steps"));
  EXPECT_THAT(ErrorOf(ConfigOf("euler", R"({"beta_start": 1e-9, "beta_end": 1e-9})"), {.steps = 8}),
              HasSubstr("betas"));
  EXPECT_THAT(ErrorOf(ConfigOf("euler", R"({"beta_start": 0.9, "beta_end": 0.9})"), {.steps = 8}),
              HasSubstr("betas"));
  EXPECT_THAT(ErrorOf(ConfigOf("euler", R"({"use_karras_sigmas": true, "sigma_min": 20,
                                            "sigma_max": 1})"),
                      {.steps = 8}),
              HasSubstr("sigmas"));
  EXPECT_THAT(ErrorOf(ConfigOf("dpmpp_2m", R"({"lambda_min_clipped": 100})"), {.steps = 8}),
              HasSubstr("lambda_min_clipped"));
}

// Upstream's list of 61 trailing steps has a 62nd entry, -1.
TEST(NoiseScheduler, TrailingStepsAreAsManyAsAskedFor) {
  for (const std::string_view name : {"ddim", "euler", "dpmpp_2m", "unipc", "ddpm"}) {
    const auto scheduler =
        NoiseScheduler::Make(ConfigOf(name, R"({"timestep_spacing": "trailing"})"), {.steps = 61});
    ASSERT_TRUE(scheduler.ok());
    EXPECT_EQ((*scheduler)->timesteps().size(), 61u);
    EXPECT_EQ((*scheduler)->timesteps().front(), 999);
    EXPECT_GE((*scheduler)->timesteps().back(), 0);
  }
}

TEST(NoiseScheduler, TellsWhatItKeeps) {
  EXPECT_EQ((*NoiseScheduler::Make(ConfigOf("euler"), {}))->KeptBytes(100), 0u);
  EXPECT_EQ((*NoiseScheduler::Make(ConfigOf("heun"), {}))->KeptBytes(100), 800u);
  EXPECT_EQ((*NoiseScheduler::Make(ConfigOf("lms"), {}))->KeptBytes(100), 1600u);
  EXPECT_EQ((*NoiseScheduler::Make(ConfigOf("heun"), {}))->order(), 2u);
}

}  // namespace
}  // namespace minnow
