// SPDX-License-Identifier: Apache-2.0
// Schedulers: from noise to a picture in a few steps, by what a model says of each.
//
//   scheduler->Begin(first, latents.size());
//   for (; !scheduler->done(); ) {
//     scheduler->ScaleInput(latents, input);
//     <model_output = the model's answer to input at scheduler->timestep()>
//     if (scheduler->draws_noise()) noise_source.Fill(noise);
//     scheduler->Step(model_output, noise, latents);
//   }
//
// Each gives what diffusers' class of that name gives, in its order of float32 operations; where
// that differs from the paper (PNDM and LMS that begin in the middle), it is upstream that is
// followed, since pictures are made with it.
//
// Not thread-safe: a picture, or a batch of them, has a scheduler of its own. Samples are latents
// [n, channels, height, width] f32, end to end, of any shape: every operation is on single values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "diffusion/scheduler_config.h"

namespace minnow {

// What a request says.
struct SchedulerRun {
  int64_t steps = 50;
  double eta = 0;  // DDIM: from 0 (no noise) to 1 (as much as DDPM)
  // LCM: the part of the original steps over which all steps are spread, as its own image to image
  // pipeline does it; 1 where the list is cut instead, as for every other scheduler.
  double original_part = 1;
  // LMS that begins in the middle: its order counts the steps that were run, not those before too
  // (diffusers). Upstream's way leaves noise in the picture.
  bool lms_counts_run_steps = false;
};

class NoiseScheduler {
 public:
  // An error names the field of scheduler_config.json or of the request, and the limit.
  static Result<std::unique_ptr<NoiseScheduler>> Make(const SchedulerConfig& config,
                                                      const SchedulerRun& run);
  virtual ~NoiseScheduler() = default;
  NoiseScheduler(const NoiseScheduler&) = delete;
  NoiseScheduler& operator=(const NoiseScheduler&) = delete;

  // One entry a call of the model, from high to low; may be fractions.
  const std::vector<float>& timesteps() const { return timesteps_; }
  // Entries to a step: 2 for Heun. Image to image begins at a multiple of it.
  size_t order() const { return order_; }
  // Pure noise is multiplied by this.
  float init_noise_sigma() const { return init_noise_sigma_; }

  // Begins a run at an entry of timesteps(); keeps KeptBytes(size) from then on.
  // REQUIRES: first < timesteps().size()
  void Begin(size_t first, size_t size);
  size_t KeptBytes(size_t size) const { return kept_ * size * sizeof(float); }

  // The next entry to run.
  size_t entry() const { return entry_; }
  bool done() const { return entry_ == timesteps_.size(); }
  float timestep() const { return timesteps_[entry_]; }

  // `original` with the noise of that entry. `out` may be `original`.
  virtual void AddNoise(size_t entry, std::span<const float> original, std::span<const float> noise,
                        std::span<float> out) const = 0;
  // What the model is given. `out` may be `sample`.
  virtual void ScaleInput(std::span<const float> sample, std::span<float> out) const;
  // Whether the next step adds noise.
  virtual bool draws_noise() const { return false; }
  // One entry further: `sample` becomes the next. `noise` is not looked at where draws_noise() is
  // false. REQUIRES: !done(); sizes as in Begin
  void Step(std::span<const float> model_output, std::span<const float> noise,
            std::span<float> sample);

 protected:
  // `kept`: samples that are remembered between steps.
  NoiseScheduler(std::vector<float> timesteps, size_t order, float init_noise_sigma, size_t kept);

  struct Tensors {
    size_t size;
    const float* model_output;
    const float* noise;
    float* sample;
  };
  virtual void Advance(const Tensors& tensors) = 0;
  virtual void Forget() {}  // what a run before this left

  size_t first() const { return first_; }
  // The i-th remembered sample; zeroes at Begin.
  float* Kept(size_t i) { return kept_values_.data() + i * size_; }
  // Of `pushed` samples that went round a ring of the first `slots` ones, the newest but `back`.
  // REQUIRES: back < pushed, back < slots
  float* Recent(size_t pushed, size_t back, size_t slots) {
    return Kept((pushed - 1 - back) % slots);
  }

 private:
  const std::vector<float> timesteps_;
  const size_t order_;
  const float init_noise_sigma_;
  const size_t kept_;
  size_t first_ = 0;
  size_t entry_ = 0;
  size_t size_ = 0;
  std::vector<float> kept_values_;
};

}  // namespace minnow
