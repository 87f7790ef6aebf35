// SPDX-License-Identifier: Apache-2.0
// Any bytes as scheduler_config.json, for every scheduler: refused with a message, or a run that
// ends, at timesteps that are numbers, from the beginning and from the middle.
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "diffusion/noise.h"
#include "diffusion/scheduler.h"

namespace minnow {
namespace {

constexpr size_t kSize = 5;

void Run(NoiseScheduler& scheduler, size_t first) {
  TorchGenerator generator(first);
  std::vector<float> latent(kSize), noise(kSize), input(kSize), output(kSize);
  generator.Normal(latent);
  generator.Normal(noise);
  scheduler.Begin(first, kSize);
  scheduler.AddNoise(first, latent, noise, latent);
  size_t calls = first;
  while (!scheduler.done()) {
    CHECK(std::isfinite(scheduler.timestep()));
    CHECK(++calls <= scheduler.timesteps().size());
    scheduler.ScaleInput(latent, input);
    for (size_t i = 0; i < kSize; ++i) output[i] = 0.5f * input[i];
    if (scheduler.draws_noise()) generator.Normal(noise);
    scheduler.Step(output, noise, latent);
  }
}

void Try(const SchedulerConfig& config, int64_t steps) {
  const auto scheduler = NoiseScheduler::Make(config, {.steps = steps, .eta = 0.5});
  if (!scheduler.ok()) {
    CHECK(!scheduler.error().message.empty());
    return;
  }
  const size_t entries = (*scheduler)->timesteps().size();
  Run(**scheduler, 0);
  Run(**scheduler, entries / 2);
  Run(**scheduler, entries - 1);
}

}  // namespace
}  // namespace minnow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = ParseSchedulerFile(text, "scheduler_config.json");
  if (!document.ok()) return 0;
  (void)ReadSchedulerConfig(document->root());
  for (const std::string_view name : SchedulerNames()) {
    const auto config = ReadSchedulerConfig(document->root(), *SchedulerByName(name));
    if (!config.ok()) {
      CHECK(!config.error().message.empty());
      continue;
    }
    for (const int64_t steps : {1, 2, 7, 20}) Try(*config, steps);
  }
  return 0;
}
