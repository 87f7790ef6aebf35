// SPDX-License-Identifier: Apache-2.0
// Whole pictures of a tiny Stable Diffusion, against those of diffusers.
#include "tasks/image/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "image/read.h"
#include "tasks/image/describe.h"
#include "tasks/pack.h"
#include "tests/golden/diffusion_harness.h"
#include "tests/npz.h"

namespace minnow {
namespace {

using testing::HasSubstr;

Image ReadTestImage(const std::string& path) {
  const std::string bytes = ReadTestFile(path);
  auto image = ReadImage(std::as_bytes(std::span(bytes)), AlphaChannel::kDrop, {});
  EXPECT_TRUE(image.ok()) << image.error().message;
  return image.ok() ? std::move(image).value() : Image{};
}

int LargestStep(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.pixels.size() != b.pixels.size()) return 256;
  int largest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i)
    largest = std::max(largest, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  return largest;
}

double Psnr(const Image& a, const Image& b) {
  if (LargestStep(a, b) > 255) return 0;
  double squares = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const double d = int{a.pixels[i]} - int{b.pixels[i]};
    squares += d * d;
  }
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.pixels.size()) / squares);
}

class PictureTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = DiffusionShared("sd_tiny");
    if (!std::filesystem::exists(directory_)) GTEST_SKIP() << "no " << directory_;
    Load(std::nullopt);
  }

  void Load(std::optional<Dtype> dtype) { LoadFrom(directory_, {.dtype = dtype, .tiny_vae = ""}); }

  void LoadFrom(const std::string& path, const ImageModelOptions& options) {
    const auto source = ModelSource::Open(path);
    ASSERT_TRUE(source.ok()) << source.error().message;
    model_ = MustLoad(ImageModel::Load(*source, options));
    ASSERT_NE(model_, nullptr);
  }

  ImageRequest Request() const {
    ImageRequest request;
    request.prompt = "a photo of an astronaut riding a horse on mars";
    request.negative_prompt = "blurry";
    request.image = ReadTestImage(directory_ + "/input.png");
    request.strength = 0.75;
    request.steps = 8;
    request.seeds = {7};
    return request;
  }

  ImageSettings Settings(ImageRequest request) const {
    auto settings = CheckImageRequest(*model_, std::move(request));
    EXPECT_TRUE(settings.ok()) << settings.error().message;
    return settings.ok() ? std::move(settings).value() : ImageSettings{};
  }

  std::string Refusal(ImageRequest request) const {
    const auto settings = CheckImageRequest(*model_, std::move(request));
    return settings.ok() ? "" : settings.error().message;
  }

  std::vector<Image> Run(ImageSettings settings, int threads = 1) const {
    ThreadPool pool(threads);
    auto picture = MustLoad(Picture::Make(*model_, std::move(settings), &pool, nullptr));
    if (picture == nullptr) return {};
    while (!picture->done()) {
      const Status status = picture->Advance();
      EXPECT_TRUE(status.ok()) << status.error().message;
      if (!status.ok()) return {};
    }
    EXPECT_EQ(picture->steps_done(), picture->steps());
    return picture->TakeImages();
  }

  std::string directory_;
  std::unique_ptr<ImageModel> model_;
};

TEST_F(PictureTest, Int8IsNearFp32OnAnyNumberOfThreads) {
  const Image exact = Run(Settings(Request())).at(0);
  Load(Dtype::kInt8);
  const Image one = Run(Settings(Request())).at(0);
  EXPECT_GT(Psnr(one, exact), 40);
  EXPECT_EQ(one.pixels, Run(Settings(Request()), 2).at(0).pixels);
}

TEST_F(PictureTest, EqualsDiffusersWithEachScheduler) {
  const std::string text = ReadTestFile(directory_ + "/expected.json");
  const auto document = ParseSchedulerFile(text, "expected.json");
  ASSERT_TRUE(document.ok()) << document.error().message;
  for (const JsonView row : document->root().Items()) {
    const std::string name(row.GetString("scheduler").value());
    SCOPED_TRACE(name);
    ImageRequest request = Request();
    request.scheduler = name;
    ImageSettings settings = Settings(std::move(request));
    // Each was made with a configuration of its own.
    auto config = ReadSchedulerConfig(*row.Find("config"), SchedulerByName(name).value());
    ASSERT_TRUE(config.ok()) << config.error().message;
    settings.scheduler = std::move(config).value();
    const std::vector<Image> images = Run(settings);
    ASSERT_EQ(images.size(), 1u);
    const int largest = LargestStep(images[0], ReadTestImage(directory_ + "/out_" + name + ".png"));
    RecordProperty(name, largest);
    EXPECT_LE(largest, 1);
    EXPECT_EQ(Run(settings, 2)[0].pixels, images[0].pixels);
  }
}

TEST_F(PictureTest, InABatchAsAlone) {
  for (const char* scheduler : {"pndm", "euler_a"}) {
    ImageRequest both = Request();
    both.scheduler = scheduler;
    both.images = 2;
    both.seeds = {7, 8};
    const std::vector<Image> images = Run(Settings(both), 2);
    ASSERT_EQ(images.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      ImageRequest one = Request();
      one.scheduler = scheduler;
      one.seeds = {both.seeds[i]};
      EXPECT_EQ(Run(Settings(std::move(one)))[0].pixels, images[i].pixels);
    }
    EXPECT_NE(images[0].pixels, images[1].pixels);
  }
}

TEST_F(PictureTest, AMaskKeepsWhatItDoesNotName) {
  ImageRequest request = Request();
  const std::vector<Image> plain = Run(Settings(Request()));
  request.mask = NewImage(64, 48, 1);
  std::fill(request.mask->pixels.begin(), request.mask->pixels.end(), uint8_t{255});
  // All of it: the picture without a mask.
  EXPECT_EQ(Run(Settings(request))[0].pixels, plain[0].pixels);
  // Nothing of it: what the VAE makes of the image alone.
  std::fill(request.mask->pixels.begin(), request.mask->pixels.end(), uint8_t{127});
  const std::vector<Image> kept = Run(Settings(request));
  request.prompt = "something else";
  request.scheduler = "ddim";
  EXPECT_EQ(Run(Settings(request))[0].pixels, kept[0].pixels);
}

TEST_F(PictureTest, OfATextAloneInOddSizes) {
  ImageRequest request = Request();
  request.image.reset();
  request.steps = 2;
  request.width = 34;
  request.height = 26;
  request.guidance = 1;
  const std::vector<Image> images = Run(Settings(request));
  ASSERT_EQ(images.size(), 1u);
  EXPECT_EQ(images[0].width, 34u);
  EXPECT_EQ(images[0].height, 26u);
  request.width = 2;
  request.height = 2;
  EXPECT_EQ(Run(Settings(request)).size(), 1u);
}

TEST_F(PictureTest, ThePlanIsWhatIsTaken) {
  ImageRequest request = Request();
  request.images = 2;
  const ImageSettings settings = Settings(request);
  const auto picture = MustLoad(Picture::Make(*model_, settings, nullptr, nullptr));
  ASSERT_NE(picture, nullptr);
  EXPECT_GT(picture->memory_bytes(), size_t{2} * 64 * 48 * 3);
  // An arena that is too small would end the program.
  while (!picture->done()) ASSERT_TRUE(picture->Advance().ok());
}

TEST_F(PictureTest, StopsWhereItIsTold) {
  std::atomic<bool> stop = false;
  const auto picture = MustLoad(Picture::Make(*model_, Settings(Request()), nullptr, &stop));
  ASSERT_NE(picture, nullptr);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(picture->Advance().ok());
  EXPECT_EQ(picture->steps_done(), 2u);
  EXPECT_EQ(picture->steps(), 7u);  // PNDM asks once more than it has steps
  stop = true;
  const Status status = picture->Advance();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kDeadline);
}

TEST_F(PictureTest, RefusesWhatItCannotMake) {
  const auto refusal = [&](const auto& change) {
    ImageRequest request = Request();
    change(request);
    return Refusal(std::move(request));
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(refusal([](auto& r) { r.steps = 0; }), HasSubstr("steps: expected"));
  EXPECT_THAT(refusal([](auto& r) { r.steps = 1000000000; }), HasSubstr("steps: expected"));
  EXPECT_THAT(refusal([](auto& r) { r.strength = 0.1; }), HasSubstr("steps * strength"));
  EXPECT_THAT(refusal([&](auto& r) { r.strength = nan; }), HasSubstr("strength: expected"));
  EXPECT_THAT(refusal([&](auto& r) { r.guidance = nan; }), HasSubstr("guidance: expected"));
  EXPECT_THAT(refusal([&](auto& r) { r.eta = nan; }), HasSubstr("eta: expected"));
  EXPECT_THAT(refusal([](auto& r) { r.width = 65; }), HasSubstr("width: expected a multiple of 2"));
  EXPECT_THAT(refusal([](auto& r) { r.height = -2; }), HasSubstr("height: expected"));
  EXPECT_THAT(refusal([](auto& r) { r.width = r.height = 8192; }), HasSubstr("pixels, limit"));
  EXPECT_THAT(refusal([](auto& r) { r.images = 17; }), HasSubstr("images: expected"));
  EXPECT_THAT(refusal([](auto& r) { r.seeds = {1, 2, 3}; }), HasSubstr("seed: expected"));
  EXPECT_THAT(refusal([](auto& r) { r.clip_skip = 3; }), HasSubstr("clip_skip: expected"));
  EXPECT_THAT(refusal([](auto& r) { r.scheduler = "euler_b"; }), HasSubstr("euler_a"));
  EXPECT_THAT(refusal([](auto& r) {
                r.mask = NewImage(1, 1, 1);
                r.image.reset();
              }),
              HasSubstr("mask: it needs an image"));
  EXPECT_THAT(refusal([](auto& r) { r.image = NewImage(1, 9, 3); }), HasSubstr("image: its width"));
}

TEST_F(PictureTest, TellsWhatItWasMadeOf) {
  const auto dropped = model_->Tokenize(std::string(200, '!'));
  ASSERT_TRUE(dropped.ok());
  EXPECT_EQ(dropped->ids.size(), 77u);
  std::string words;
  for (int i = 0; i < 80; ++i) words += "cat ";
  EXPECT_EQ(model_->Tokenize(words)->dropped_tokens, 5u);
  ImageRequest request = Request();
  request.scheduler = "dpmpp_2m_karras";
  const GenerationText text = DescribePicture(Settings(request), 0, "tiny", "minnow 1");
  EXPECT_EQ(*text.Find("Sampler"), "DPM++ 2M Karras");
  EXPECT_EQ(*text.Find("Seed"), "7");
  EXPECT_EQ(*text.Find("Size"), "64x48");
  EXPECT_EQ(*text.Find("Denoising strength"), "0.75");
}

double RootMeanSquare(const Image& a, const Image& b) {
  double error = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i)
    error += std::pow(int{a.pixels[i]} - int{b.pixels[i]}, 2);
  return std::sqrt(error / static_cast<double>(a.pixels.size()));
}

// Wherever the weights come from, and whether they leave memory between the stages.
TEST_F(PictureTest, WinogradIsNearAndTheSameFromEverySource) {
  const TestFolder folder;
  const ImageSettings settings = Settings(Request());
  const Image exact = Run(settings)[0];
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16}) {
    SCOPED_TRACE(DtypeName(dtype));
    const std::string path = folder.File(std::string(DtypeName(dtype)) + ".minnow");
    const PackOptions pack = {.dtype = dtype, .embedding = TableType::kF32, .packed_by = "test"};
    ASSERT_TRUE(PackModel(directory_, pack, path, nullptr, [](const std::string&) {}).ok());
    const auto image = [&](const std::string& from, WinogradUse use, size_t limit, int threads) {
      LoadFrom(from,
               {.dtype = dtype, .tiny_vae = "", .winograd = use, .memory_limit_bytes = limit});
      EXPECT_EQ(model_->parts().winograd(), use == WinogradUse::kAlways);
      return Run(settings, threads)[0];
    };
    constexpr size_t kTight = 1 << 20, kAmple = size_t{16} << 30;
    const Image direct = image(directory_, WinogradUse::kNever, kAmple, 1);
    const Image winograd = image(directory_, WinogradUse::kAlways, kAmple, 2);
    EXPECT_LE(RootMeanSquare(winograd, exact), dtype == Dtype::kF32 ? 0.5 : 4);
    EXPECT_EQ(image(path, WinogradUse::kAlways, kTight, 1).pixels, winograd.pixels);
    EXPECT_EQ(image(path, WinogradUse::kNever, kTight, 2).pixels, direct.pixels);
    EXPECT_EQ(image(path, WinogradUse::kAuto, kTight, 1).pixels, direct.pixels);
    LoadFrom(path, {.dtype = dtype, .tiny_vae = "", .memory_limit_bytes = kAmple});
    EXPECT_TRUE(model_->parts().winograd());
  }
}

// Halves lose some digits, not the picture.
TEST_F(PictureTest, Bf16IsNear) {
  const std::vector<Image> exact = Run(Settings(Request()));
  Load(Dtype::kBF16);
  const std::vector<Image> near = Run(Settings(Request()));
  ASSERT_EQ(near.size(), 1u);
  EXPECT_LT(RootMeanSquare(near[0], exact[0]), 4);
}

}  // namespace
}  // namespace minnow
