// SPDX-License-Identifier: Apache-2.0
// What tests of diffusion models share: fixtures of tools/make_diffusion_golden.py, checkpoints
// made of them, and forward passes with an arena of the planned size.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "formats/checkpoint.h"
#include "formats/json.h"
#include "kernels/dispatch.h"
#include "models/clip/clip_model.h"
#include "models/diffusion/part.h"
#include "models/unet/unet_model.h"
#include "models/vae/vae.h"
#include "nn/image_ops.h"
#include "tests/formula_values.h"
#include "tests/safetensors_writer.h"

namespace minnow {

std::string DiffusionGolden(const std::string& file);  // of tests/golden/diffusion
std::string DiffusionShared(const std::string& file);  // of the shared test data; may not be there

// A fixture: its description, and what the reference computed.
struct DiffusionFixture {
  JsonDocument document;
  Checkpoint outputs;

  JsonView root() const { return document.root(); }
  size_t Size(const char* field) const {
    return static_cast<size_t>(root().GetInt(field, 0, 1 << 20).value());
  }
  std::vector<float> Floats(const char* field) const;
  std::vector<int32_t> Ids() const;  // of all prompts
  std::string Config() const;        // JSON text
  // Tensors of a checkpoint, filled in by the formula.
  TestTensors Tensors() const;
  std::vector<float> Output(const std::string& name) const;
};
DiffusionFixture ReadDiffusionFixture(const std::string& name);

// A folder of this test, removed at its end.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  std::string File(const std::string& name) const { return (path_ / name).string(); }
  void Write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

// The tensors of a fixture in one file of `folder`, as a part to load.
PartSource FixturePart(const DiffusionFixture& fixture, const TestFolder& folder,
                       std::string (*rename)(std::string_view) = nullptr);

inline float LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const float difference = std::fabs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;  // also what is not a number
  }
  return largest;
}

// pass: (ImageOps&); planned first, then run with an arena of that size.
template <class Pass>
size_t PlanAndRun(Dtype maps, int threads, const Pass& pass) {
  ThreadPool pool(threads);
  Arena plan;
  ImageOps planner(ActiveKernels(), maps, &pool, plan, nullptr);
  pass(planner);
  EXPECT_EQ(plan.used(), 0u);
  Arena arena(plan.peak());
  ImageOps ops(ActiveKernels(), maps, &pool, arena, nullptr);
  pass(ops);
  EXPECT_EQ(arena.peak(), plan.peak());
  return plan.peak();
}

template <class T>
std::unique_ptr<T> MustLoad(Result<std::unique_ptr<T>> loaded) {
  EXPECT_TRUE(loaded.ok()) << loaded.error().message;
  return loaded.ok() ? std::move(loaded).value() : nullptr;
}

struct UNetCall {
  std::vector<float> latents;
  std::vector<float> prompt;
  size_t images;
  size_t height;
  size_t width;
  size_t tokens;
  std::vector<float> timesteps;
  std::vector<float> guidance;
};

// The models over floats, each with a plan of its own.
std::vector<float> RunUNet(const UNetModel& unet, const UNetCall& call, int threads = 1,
                           Dtype maps = Dtype::kF32);
// height and width: of the latents. tile: 0: without.
std::vector<float> DecodeLatents(const Vae& vae, const std::vector<float>& latents, size_t images,
                                 size_t height, size_t width, size_t tile = 0);
std::vector<float> EncodePixels(const Vae& vae, const std::vector<float>& pixels, size_t images,
                                size_t height, size_t width, size_t tile = 0);
std::vector<float> HiddenStates(const ClipTextModel& clip, const std::vector<int32_t>& ids,
                                size_t skip);
std::vector<float> InputPlanes(const char* name, size_t images, size_t channels, size_t height,
                               size_t width);

}  // namespace minnow
