// SPDX-License-Identifier: Apache-2.0
#include "diffusion/scheduler_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace minnow {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<SchedulerConfig> Read(std::string_view text, std::string_view name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          ParseSchedulerFile(text, "scheduler_config.json"));
  MINNOW_ASSIGN_OR_RETURN(const SchedulerChoice choice, SchedulerByName(name));
  return ReadSchedulerConfig(document.root(), choice);
}

std::string ErrorOf(std::string_view text, std::string_view name) {
  const auto config = Read(text, name);
  return config.ok() ? "" : config.error().message;
}

constexpr std::string_view kStableDiffusion = R"({
  "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
  "beta_schedule": "scaled_linear", "beta_start": 0.00085, "num_train_timesteps": 1000,
  "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null,
  "clip_sample": false})";

TEST(SchedulerConfig, ReadsItsOwnClass) {
  const auto document = ParseSchedulerFile(kStableDiffusion, "scheduler_config.json");
  ASSERT_TRUE(document.ok());
  const auto config = ReadSchedulerConfig(document->root());
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->kind, SchedulerKind::kPndm);
  EXPECT_EQ(config->beta_schedule, BetaSchedule::kScaledLinear);
  EXPECT_EQ(config->beta_start, 0.00085);
  EXPECT_EQ(config->steps_offset, 1);
  EXPECT_FALSE(config->set_alpha_to_one);
  EXPECT_TRUE(config->skip_prk_steps);
  EXPECT_EQ(config->timestep_spacing, TimestepSpacing::kLeading);
}

TEST(SchedulerConfig, AnotherClassTakesTheFieldsThatItHas) {
  const auto ddim = Read(kStableDiffusion, "ddim");
  ASSERT_TRUE(ddim.ok());
  EXPECT_FALSE(ddim->clip_sample);
  EXPECT_EQ(ddim->timestep_spacing, TimestepSpacing::kLeading);
  const auto euler = Read(kStableDiffusion, "euler");
  ASSERT_TRUE(euler.ok());
  EXPECT_EQ(euler->timestep_spacing, TimestepSpacing::kLinspace);
  EXPECT_FALSE(euler->use_karras_sigmas);
  EXPECT_TRUE(Read(kStableDiffusion, "euler_karras")->use_karras_sigmas);
  const auto karras = Read(kStableDiffusion, "dpmpp_2m_karras");
  ASSERT_TRUE(karras.ok());
  EXPECT_EQ(karras->kind, SchedulerKind::kDpmSolver);
  EXPECT_TRUE(karras->use_karras_sigmas);
}

TEST(SchedulerConfig, DefaultsDifferByClass) {
  EXPECT_TRUE(Read("{}", "ddim")->clip_sample);
  EXPECT_TRUE(Read("{}", "ddpm")->clip_sample);
  EXPECT_FALSE(Read("{}", "lcm")->clip_sample);
  EXPECT_TRUE(Read("{}", "ddim")->set_alpha_to_one);
  EXPECT_FALSE(Read("{}", "pndm")->set_alpha_to_one);
  EXPECT_FALSE(Read("{}", "pndm")->skip_prk_steps);
  EXPECT_EQ(Read("{}", "euler")->beta_start, 0.0001);
  EXPECT_EQ(Read("{}", "heun")->beta_start, 0.00085);
  EXPECT_EQ(Read("{}", "heun")->beta_schedule, BetaSchedule::kLinear);
  EXPECT_EQ(Read("{}", "lcm")->beta_schedule, BetaSchedule::kScaledLinear);
  EXPECT_EQ(Read("{}", "lms")->timestep_spacing, TimestepSpacing::kLinspace);
}

TEST(SchedulerConfig, FieldsOfOtherClassesAreNotLookedAt) {
  EXPECT_TRUE(Read(R"({"thresholding": true, "algorithm_type": "x"})", "euler").ok());
  EXPECT_FALSE(Read(R"({"rescale_betas_zero_snr": true})", "pndm")->rescale_betas_zero_snr);
  EXPECT_FALSE(Read(R"({"use_karras_sigmas": true})", "euler_a")->use_karras_sigmas);
}

TEST(SchedulerConfig, MinusInfinityIsAbsent) {
  const auto config =
      Read(R"({"lambda_min_clipped": -Infinity, "x": "-Infinity \" -Infinity", "solver_order": 3})",
           "dpmpp_2m");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->lambda_min_clipped, -INFINITY);
  EXPECT_EQ(config->solver_order, 3);
  EXPECT_EQ(Read(R"({"lambda_min_clipped": -5.1})", "dpmpp_2m")->lambda_min_clipped, -5.1);
  EXPECT_FALSE(Read(R"({"lambda_min_clipped": NaN})", "dpmpp_2m").ok());
  EXPECT_FALSE(Read(R"({"beta_end": Infinity})", "ddim").ok());
}

TEST(SchedulerConfig, ErrorsNameTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {"num_train_timesteps", "0"},
      {"num_train_timesteps", "1e9"},
      {"num_train_timesteps", "\"many\""},
      {"beta_start", "0"},
      {"beta_start", "\"x\""},
      {"beta_end", "1"},
      {"beta_end", "[1]"},
      {"beta_schedule", "\"exp\""},
      {"beta_schedule", "3"},
      {"prediction_type", "\"flow_prediction\""},
      {"prediction_type", "{}"},
      {"timestep_spacing", "\"even\""},
      {"steps_offset", "-1"},
      {"steps_offset", "0.5"},
      {"trained_betas", "[]"},
      {"trained_betas", "[0.1, 2]"},
      {"trained_betas", "[0.1, \"x\"]"},
      {"trained_betas", "[0.1]"},
      {"trained_betas", "true"},
      {"rescale_betas_zero_snr", "1"},
      {"thresholding", "true"},
      {"final_sigmas_type", "\"one\""},
      {"use_karras_sigmas", "\"yes\""},
      {"use_exponential_sigmas", "true"},
      {"use_beta_sigmas", "true"},
      {"use_flow_sigmas", "true"},
      {"use_lu_lambdas", "true"},
      {"algorithm_type", "\"dpmsolver\""},
      {"solver_type", "\"rk\""},
      {"solver_order", "4"},
      {"solver_order", "0"},
      {"lower_order_final", "[]"},
      {"variance_type", "\"learned\""},
      {"sigma_min", "-1"},
  };
  for (const auto& [field, value] : cases) {
    const std::string text = std::string("{\"") + field + "\": " + value + "}";
    EXPECT_THAT(ErrorOf(text, "dpmpp_2m"),
                AllOf(HasSubstr("scheduler_config.json"), HasSubstr(field)))
        << text;
  }
  EXPECT_THAT(ErrorOf(R"({"prediction_type": "sample"})", "pndm"), HasSubstr("prediction_type"));
  EXPECT_THAT(ErrorOf(R"({"predict_x0": false})", "unipc"), HasSubstr("predict_x0"));
  EXPECT_THAT(ErrorOf(R"({"solver_p": {"a": 1}})", "unipc"), HasSubstr("solver_p"));
  EXPECT_THAT(ErrorOf(R"({"disable_corrector": [1, -1]})", "unipc"),
              HasSubstr("disable_corrector"));
  EXPECT_THAT(ErrorOf(R"({"timestep_type": "continuous"})", "euler"), HasSubstr("timestep_type"));
  EXPECT_THAT(ErrorOf(R"({"clip_sample_range": -1})", "ddim"), HasSubstr("clip_sample_range"));
  EXPECT_THAT(ErrorOf(R"({"variance_type": "learned_range"})", "ddpm"), HasSubstr("variance_type"));
  EXPECT_THAT(ErrorOf(R"({"original_inference_steps": 0})", "lcm"),
              HasSubstr("original_inference_steps"));
  EXPECT_FALSE(Read("[]", "ddim").ok());
  EXPECT_FALSE(Read("{", "ddim").ok());
  EXPECT_FALSE(Read(std::string(1 << 21, ' '), "ddim").ok());
}

TEST(SchedulerConfig, NamesAndClassesAreKnownOrRefused) {
  EXPECT_EQ(SchedulerNames().size(), 11u);
  for (const std::string_view name : SchedulerNames()) {
    EXPECT_TRUE(Read(kStableDiffusion, name).ok()) << name;
  }
  EXPECT_THAT(SchedulerByName("ddimm").error().message,
              AllOf(HasSubstr("ddimm"), HasSubstr("dpmpp_2m_karras")));
  EXPECT_EQ(SchedulerByClass("LCMScheduler")->kind, SchedulerKind::kLcm);
  EXPECT_THAT(SchedulerByClass("FlowMatchEulerDiscreteScheduler").error().message,
              HasSubstr("FlowMatchEulerDiscreteScheduler"));
  const auto document = ParseSchedulerFile(R"({"_class_name": 5})", "scheduler_config.json");
  EXPECT_THAT(ReadSchedulerConfig(document->root()).error().message, HasSubstr("_class_name"));
}

TEST(SchedulerConfig, PipelinesOverruleOutdatedFiles) {
  const SchedulerConfig config = ForStableDiffusion(*Read(R"({"steps_offset": 0})", "ddim"));
  EXPECT_EQ(config.steps_offset, 1);
  EXPECT_FALSE(config.clip_sample);
}

TEST(SchedulerConfig, ListsAreRead) {
  EXPECT_THAT(Read(R"({"disable_corrector": [0, 2]})", "unipc")->disable_corrector,
              ElementsAre(0, 2));
  const auto betas = Read(R"({"num_train_timesteps": 2, "trained_betas": [0.25, 0.5]})", "ddim");
  ASSERT_TRUE(betas.ok());
  EXPECT_THAT(betas->trained_betas, ElementsAre(0.25f, 0.5f));
}

}  // namespace
}  // namespace minnow
