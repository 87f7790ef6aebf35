// SPDX-License-Identifier: Apache-2.0
// Schedulers give the timesteps and latents that diffusers' give, and noise has the bits of torch's
// generator (tests/golden/diffusion_schedulers.json and diffusion_noise.json, written by
// tools/make_scheduler_golden.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "diffusion/noise.h"
#include "diffusion/scheduler.h"
#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kSize = 4 * 2 * 3;
constexpr size_t kShown[] = {0, 13};
constexpr uint64_t kSeed = 7;
constexpr double kTolerance = 1e-5;  // of the greater of 1 and the value

JsonDocument Golden(const char* file) {
  auto document = JsonDocument::ReadFile(std::string(MINNOW_SOURCE_DIR) + "/tests/golden/" + file);
  EXPECT_TRUE(document.ok()) << document.error().message;
  return std::move(document).value();
}

// Where the signal is rescaled to zero, latents begin at `largest` = 4096, of which the last bit is
// 5e-4, and torch's square root is off by as much.
double Deviation(double got, double expected, double largest = 1) {
  return std::fabs(got - expected) / std::max({1.0, std::fabs(expected), largest / 64});
}

std::string TitleOf(const JsonView& item) {
  std::string title;
  for (const char* name : {"name", "config", "steps", "first", "eta", "part"}) {
    JsonWriter writer(&title);
    WriteJson(*item.Find(name), writer);
    title += ' ';
  }
  return title;
}

std::unique_ptr<NoiseScheduler> SchedulerOf(const JsonView& item) {
  const auto choice = SchedulerByName(*item.GetString("name"));
  const auto config = ReadSchedulerConfig(*item.Find("config"), *choice);
  EXPECT_TRUE(config.ok()) << config.error().message;
  auto scheduler = NoiseScheduler::Make(*config, {.steps = *item.GetInt("steps", 1, 1000),
                                                  .eta = *item.GetNumber("eta"),
                                                  .original_part = *item.GetNumber("part")});
  EXPECT_TRUE(scheduler.ok()) << scheduler.error().message;
  return scheduler.ok() ? std::move(scheduler).value() : nullptr;
}

// The model that the script has.
void Answer(const std::vector<float>& input, double timestep, std::vector<float>* output) {
  const auto weight = static_cast<float>(timestep * 0.001 - 0.5);
  for (size_t k = 0; k < kSize; ++k) {
    const float pattern = (static_cast<float>(k * 37 % 64) - 31.5f) / 32.0f;
    (*output)[k] = 0.3f * input[k] + weight * pattern;
  }
}

// Runs a case; the greatest error of what it stores.
double Replay(const JsonView& item, NoiseScheduler& scheduler) {
  const auto first = static_cast<size_t>(*item.GetInt("first", 0, 1000));
  TorchGenerator generator(kSeed);
  std::vector<float> noise(kSize), latent(kSize), input(kSize), output(kSize);
  generator.Normal(noise);
  scheduler.Begin(first, kSize);
  if (first > 0 || *item.GetNumber("part") != 1) {
    for (size_t k = 0; k < kSize; ++k) {
      latent[k] = (static_cast<float>(k * 29 % 32) - 15.5f) / 16.0f;
    }
    scheduler.AddNoise(first, latent, noise, latent);
  } else {
    for (size_t k = 0; k < kSize; ++k) latent[k] = noise[k] * scheduler.init_noise_sigma();
  }
  double worst = 0;
  const double largest = scheduler.init_noise_sigma();
  const JsonView begin = *item.Find("begin");
  for (size_t k = 0; k < 2; ++k) {
    worst = std::max(worst, Deviation(latent[kShown[k]], *begin.at(k).Number(), largest));
  }
  const JsonView latents = *item.Find("latents");
  size_t at = 0;
  while (!scheduler.done()) {
    scheduler.ScaleInput(latent, input);
    Answer(input, scheduler.timestep(), &output);
    if (scheduler.draws_noise()) generator.Normal(noise);
    scheduler.Step(output, noise, latent);
    for (const size_t k : kShown) {
      if (at == latents.size()) return INFINITY;
      worst = std::max(worst, Deviation(latent[k], *latents.at(at++).Number(), largest));
    }
  }
  return at == latents.size() ? worst : INFINITY;
}

TEST(DiffusionSchedulersGolden, AreAsInDiffusers) {
  const JsonDocument golden = Golden("diffusion_schedulers.json");
  ASSERT_GT(golden.root().size(), 200u);
  std::map<std::string, double> worst_by_name;
  for (const JsonView item : golden.root().Items()) {
    SCOPED_TRACE(TitleOf(item));
    const auto scheduler = SchedulerOf(item);
    ASSERT_NE(scheduler, nullptr);
    const JsonView timesteps = *item.Find("timesteps");
    ASSERT_EQ(scheduler->timesteps().size(), timesteps.size());
    for (size_t i = 0; i < timesteps.size(); ++i) {
      EXPECT_LE(Deviation(scheduler->timesteps()[i], *timesteps.at(i).Number()), kTolerance);
    }
    const double worst = Replay(item, *scheduler);
    EXPECT_LE(worst, kTolerance);
    // A second run of the same scheduler remembers nothing of the first.
    EXPECT_EQ(Replay(item, *scheduler), worst);
    double& worst_of_name = worst_by_name[std::string(*item.GetString("name"))];
    worst_of_name = std::max(worst_of_name, worst);
  }
  for (const auto& [name, worst] : worst_by_name) {
    RecordProperty("worst_error_of_" + name, std::to_string(worst * 1e9) + " e-9");
  }
}

std::string HashOf(const std::vector<float>& values) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const float value : values) {
    unsigned char bytes[sizeof(value)];
    std::memcpy(bytes, &value, sizeof(value));
    for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001B3u;
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

TEST(DiffusionNoiseGolden, HasTheBitsOfTorch) {
  const JsonDocument golden = Golden("diffusion_noise.json");
  ASSERT_GE(golden.root().size(), 60u);
  for (const JsonView item : golden.root().Items()) {
    const auto seed = static_cast<uint64_t>(*item.GetInt("seed", 0, INT64_MAX));
    TorchGenerator generator(seed);
    const JsonView calls = *item.Find("calls");
    for (size_t i = 0; i < calls.size(); ++i) {
      std::vector<float> values(static_cast<size_t>(*calls.at(i).Int(1, 100000)));
      generator.Normal(values);
      SCOPED_TRACE("seed " + std::to_string(seed) + ", call " + std::to_string(i) + " of " +
                   std::to_string(values.size()));
      EXPECT_EQ(HashOf(values), *item.Find("bits")->at(i).String());
      const JsonView ends = item.Find("ends")->at(i);
      EXPECT_EQ(values.front(), static_cast<float>(*ends.at(0).Number()));
      EXPECT_EQ(values.back(), static_cast<float>(*ends.at(1).Number()));
    }
  }
}

}  // namespace
}  // namespace minnow
