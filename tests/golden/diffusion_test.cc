// SPDX-License-Identifier: Apache-2.0
// Every part of a diffusion model against diffusers, in fp32: fixtures of
// tools/make_diffusion_golden.py, and the tiny pipeline and TAESD of the shared test data.
#include <gtest/gtest.h>

#include "models/clip/clip_model.h"
#include "models/diffusion/diffusion_model.h"
#include "models/diffusion/names.h"
#include "models/unet/unet_model.h"
#include "models/vae/vae.h"
#include "tests/golden/diffusion_harness.h"
#include "tests/npz.h"

namespace minnow {
namespace {

constexpr float kTolerance = 1e-4f;

UNetCall FixtureCall(const DiffusionFixture& fixture, const UNetConfig& config) {
  const size_t images = fixture.Size("images"), height = fixture.Size("height"),
               width = fixture.Size("width"), tokens = fixture.Size("tokens");
  const auto size = [](size_t value) { return static_cast<int64_t>(value); };
  return {
      FormulaValues("input.latents",
                    {size(images), size(config.in_channels), size(height), size(width)}),
      FormulaValues("input.prompt", {size(images), size(tokens), size(config.cross_attention_dim)}),
      images,
      height,
      width,
      tokens,
      fixture.Floats("timesteps"),
      fixture.Floats("guidance")};
}

class UNetParity : public testing::TestWithParam<const char*> {};

TEST_P(UNetParity, OutputsAreThoseOfDiffusers) {
  const DiffusionFixture fixture = ReadDiffusionFixture(GetParam());
  const TestFolder folder;
  const auto unet = MustLoad(UNetModel::Load(FixturePart(fixture, folder), Dtype::kF32));
  ASSERT_NE(unet, nullptr);
  const UNetCall call = FixtureCall(fixture, unet->config());
  const std::vector<float> y = RunUNet(*unet, call);
  const float difference = LargestDifference(y, fixture.Output("y"));
  RecordProperty("difference", std::to_string(difference));
  EXPECT_LT(difference, kTolerance);
  EXPECT_EQ(y, RunUNet(*unet, call, /*threads=*/2));
}

INSTANTIATE_TEST_SUITE_P(Diffusion, UNetParity,
                         testing::Values("unet_sd2", "unet_odd", "unet_lcm", "unet_inpaint"));

// An image has the same bits alone and beside another.
TEST(UNetParityAlone, ABatchIsItsImages) {
  const DiffusionFixture fixture = ReadDiffusionFixture("unet_sd2");
  const TestFolder folder;
  const auto unet = MustLoad(UNetModel::Load(FixturePart(fixture, folder), Dtype::kF32));
  ASSERT_NE(unet, nullptr);
  const UNetCall both = FixtureCall(fixture, unet->config());
  const std::vector<float> y = RunUNet(*unet, both);
  for (size_t i = 0; i < 2; ++i) {
    const auto half = [&](const std::vector<float>& all) {
      const auto middle = static_cast<ptrdiff_t>(all.size() / 2);
      return i == 0 ? std::vector<float>(all.begin(), all.begin() + middle)
                    : std::vector<float>(all.begin() + middle, all.end());
    };
    UNetCall one = both;
    one.latents = half(both.latents);
    one.prompt = half(both.prompt);
    one.timesteps = half(both.timesteps);
    one.images = 1;
    EXPECT_EQ(RunUNet(*unet, one), half(y));
  }
}

// Weights and maps in halves lose some digits, not the picture.
TEST(UNetParityAlone, Bf16IsNear) {
  const DiffusionFixture fixture = ReadDiffusionFixture("unet_sd2");
  const TestFolder folder;
  const PartSource part = FixturePart(fixture, folder);
  const auto unet = MustLoad(UNetModel::Load(part, Dtype::kBF16));
  ASSERT_NE(unet, nullptr);
  const UNetCall call = FixtureCall(fixture, unet->config());
  const std::vector<float> y = RunUNet(*unet, call, 1, Dtype::kBF16);
  const std::vector<float> expected = fixture.Output("y");
  double error = 0, power = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    error += (y[i] - expected[i]) * (y[i] - expected[i]);
    power += expected[i] * expected[i];
  }
  EXPECT_LT(std::sqrt(error / power), 0.03);
}

TEST(VaeParity, OldNamesOddSizesAndTiles) {
  const DiffusionFixture fixture = ReadDiffusionFixture("vae_old");
  const TestFolder folder;
  const auto vae = MustLoad(Vae::Load(FixturePart(fixture, folder, VaeName), Dtype::kF32));
  ASSERT_NE(vae, nullptr);
  const size_t height = fixture.Size("height"), width = fixture.Size("width"),
               tile = fixture.Size("tile"), factor = vae->info().factor;
  const auto pixels = InputPlanes("input.pixels", 1, 3, height * factor, width * factor);
  const auto latents = InputPlanes("input.latents", 1, 4, height, width);
  EXPECT_LT(
      LargestDifference(EncodePixels(*vae, pixels, 1, height, width), fixture.Output("moments")),
      kTolerance);
  EXPECT_LT(
      LargestDifference(DecodeLatents(*vae, latents, 1, height, width), fixture.Output("pixels")),
      kTolerance);
  EXPECT_LT(LargestDifference(EncodePixels(*vae, pixels, 1, height, width, tile),
                              fixture.Output("tiled_moments")),
            kTolerance);
  EXPECT_LT(LargestDifference(DecodeLatents(*vae, latents, 1, height, width, tile),
                              fixture.Output("tiled_pixels")),
            kTolerance);
}

TEST(VaeParity, TinyOfOtherSizes) {
  const DiffusionFixture fixture = ReadDiffusionFixture("vae_tiny");
  const TestFolder folder;
  const auto vae = MustLoad(Vae::Load(FixturePart(fixture, folder, VaeName), Dtype::kF32));
  ASSERT_NE(vae, nullptr);
  EXPECT_FALSE(vae->info().has_variance);
  const size_t height = fixture.Size("height"), width = fixture.Size("width"),
               images = fixture.Size("images"), factor = vae->info().factor;
  const auto pixels = InputPlanes("input.pixels", images, 3, height * factor, width * factor);
  const auto latents = InputPlanes("input.latents", images, 4, height, width);
  EXPECT_LT(LargestDifference(EncodePixels(*vae, pixels, images, height, width),
                              fixture.Output("moments")),
            kTolerance);
  EXPECT_LT(LargestDifference(DecodeLatents(*vae, latents, images, height, width),
                              fixture.Output("pixels")),
            kTolerance);
}

// The two bare files, with their real weights.
TEST(VaeParity, Taesd) {
  const std::string directory = DiffusionShared("w_taesd_sd");
  if (!std::filesystem::exists(directory)) GTEST_SKIP() << "no " << directory << " (MINNOW_DATA)";
  const auto vae = MustLoad(LoadTinyVae(directory, Dtype::kF32));
  ASSERT_NE(vae, nullptr);
  const DiffusionFixture fixture = ReadDiffusionFixture("taesd");
  const size_t height = fixture.Size("height"), width = fixture.Size("width");
  std::vector<float> pixels(3 * height * width);
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t c = i / (height * width), y = i / width % height, x = i % width;
    pixels[i] = static_cast<float>((x * 3 + y * 5 + c * 60 + x * y / 16) % 256) / 127.5f - 1.0f;
  }
  const std::vector<float> latents = EncodePixels(*vae, pixels, 1, height / 8, width / 8);
  EXPECT_LT(LargestDifference(latents, fixture.Output("latents")), kTolerance);
  std::vector<float> bytes = DecodeLatents(*vae, latents, 1, height / 8, width / 8);
  for (float& value : bytes)
    value = std::nearbyint(std::clamp(value / 2 + 0.5f, 0.0f, 1.0f) * 255.0f);
  EXPECT_LE(LargestDifference(bytes, fixture.Output("bytes")), 1.0f);
}

// Decoding the astronaut's latent in 8 bits, beside fp32: in both forms of convolutions.
TEST(VaeParity, TaesdInEightBits) {
  const std::string directory = DiffusionShared("w_taesd_sd");
  const std::string latent = directory + "/taesd_astronaut256_latent.npy";
  if (!std::filesystem::exists(latent)) GTEST_SKIP() << "no " << latent << " (MINNOW_DATA)";
  const std::vector<float> latents = ParseNpy(ReadTestFile(latent)).As<float>();
  const auto decode = [&](Dtype dtype, size_t winograd_room) {
    const auto vae = MustLoad(LoadTinyVae(directory, dtype, winograd_room));
    if (vae == nullptr) return std::vector<float>();
    EXPECT_EQ(vae->info().part.winograd, winograd_room != 0);
    return DecodeLatents(*vae, latents, 1, 32, 32);
  };
  const std::vector<float> exact = decode(Dtype::kF32, 0);
  const auto psnr = [&](const std::vector<float>& pixels) {
    double squares = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      const auto shown = [](float value) { return std::clamp(value / 2 + 0.5f, 0.0f, 1.0f); };
      squares += std::pow(shown(pixels.at(i)) - shown(exact[i]), 2);
    }
    return 10 * std::log10(static_cast<double>(exact.size()) / squares);
  };
  EXPECT_GT(psnr(decode(Dtype::kInt8, 0)), 43);
  EXPECT_GT(psnr(decode(Dtype::kInt8, size_t{1} << 30)), 41);
}

TEST(ClipParity, GeluAndSkippedLayers) {
  const DiffusionFixture fixture = ReadDiffusionFixture("clip");
  const TestFolder folder;
  const auto clip =
      MustLoad(ClipTextModel::Load(FixturePart(fixture, folder, TextEncoderName), Dtype::kF32));
  ASSERT_NE(clip, nullptr);
  const std::vector<int32_t> ids = fixture.Ids();
  EXPECT_LT(LargestDifference(HiddenStates(*clip, ids, 0), fixture.Output("skip0")), kTolerance);
  EXPECT_LT(LargestDifference(HiddenStates(*clip, ids, 2), fixture.Output("skip2")), kTolerance);
}

class TinyPipeline : public testing::Test {
 protected:
  void SetUp() override {
    const std::string directory = DiffusionShared("sd_tiny");
    if (!std::filesystem::exists(directory)) GTEST_SKIP() << "no " << directory << " (MINNOW_DATA)";
    const auto source = ModelSource::Open(directory);
    ASSERT_TRUE(source.ok()) << source.error().message;
    EXPECT_EQ(source->kind(), ModelKind::kTextToImage);
    model_ = MustLoad(DiffusionModel::Load(*source, {.dtype = std::nullopt, .tiny_vae = ""}));
    ASSERT_NE(model_, nullptr);
    tensors_ = ReadNpz(directory + "/tensors.npz");
  }
  std::vector<float> Tensor(const std::string& name) const { return tensors_.at(name).As<float>(); }

  std::unique_ptr<DiffusionModel> model_;
  std::map<std::string, NpyArray> tensors_;
};

TEST_F(TinyPipeline, UNet) {
  const UNetCall call = {Tensor("unet_x"), Tensor("unet_c"), 2, 16, 16, 77, {501, 501}, {}};
  EXPECT_LT(LargestDifference(RunUNet(model_->unet(), call), Tensor("unet_y")), kTolerance);
}

TEST_F(TinyPipeline, Vae) {
  EXPECT_LT(
      LargestDifference(DecodeLatents(model_->vae(), Tensor("vae_z"), 1, 24, 32), Tensor("vae_d")),
      kTolerance);
}

TEST_F(TinyPipeline, Clip) {
  const auto wide = tensors_.at("clip_ids").As<int64_t>();
  const std::vector<int32_t> ids(wide.begin(), wide.end());
  EXPECT_LT(LargestDifference(HiddenStates(model_->text_encoder(), ids, 0), Tensor("clip_h")),
            kTolerance);
}

}  // namespace
}  // namespace minnow
