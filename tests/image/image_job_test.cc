// SPDX-License-Identifier: Apache-2.0
// Requests for pictures as the engine runs them, with a tiny Stable Diffusion.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/scheduler.h"
#include "image/read.h"
#include "image/resize.h"
#include "image/write.h"
#include "tasks/image/job.h"
#include "tests/await.h"
#include "tests/golden/diffusion_harness.h"
#include "tests/npz.h"

namespace minnow {
namespace {

using testing::HasSubstr;

struct Asked {
  std::shared_ptr<ImageJob> job;
  std::future<Result<ImageAnswer>> answer;

  Result<ImageAnswer> Wait() { return Await(std::move(answer), "the pictures"); }
};

class ImageJobTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = DiffusionShared("sd_tiny");
    if (!std::filesystem::exists(directory_)) GTEST_SKIP() << "no " << directory_;
    input_ = ReadTestFile(directory_ + "/input.png");
    Load(directory_);
  }
  void Load(const std::string& directory) {
    Stop();
    const auto source = ModelSource::Open(directory);
    ASSERT_TRUE(source.ok()) << source.error().message;
    model_ = MustLoad(
        ImageModel::Load(*source, {.dtype = std::nullopt, .tiny_vae = "", .previews = true}));
    ASSERT_NE(model_, nullptr);
    Start(2, nullptr);
  }
  void TearDown() override { Stop(); }

  void Start(int threads, std::shared_ptr<MemoryBudget> memory) {
    Stop();
    task_ = std::make_unique<ImageTask>(model_.get(), memory);
    scheduler_ =
        Scheduler::Start({.compute_threads = threads, .memory = std::move(memory)}).value();
    queue_ = scheduler_
                 ->AddQueue(task_.get(), {.max_batch_items = 1,
                                          .admission = {.wait = ImageTask::kMaxWait},
                                          .one_at_a_time = true,
                                          .yields = true})
                 .value();
  }
  void Stop() {
    if (queue_ != nullptr) queue_->Close();
    queue_ = nullptr;
    scheduler_ = nullptr;
  }

  ImageJobRequest Request() const {
    ImageJobRequest request;
    request.request.prompt = "a photo of an astronaut riding a horse on mars";
    request.request.negative_prompt = "blurry";
    request.request.strength = 0.75;
    request.request.steps = 8;
    request.request.seeds = {7};
    request.image_file = input_;
    return request;
  }
  // Of so many steps that it does not end by itself.
  ImageJobRequest LongRequest() const {
    ImageJobRequest request;
    request.request.prompt = "a long one";
    request.request.steps = 900;
    request.request.width = request.request.height = 256;
    return request;
  }

  Asked Submit(ImageJobRequest request) {
    auto done = std::make_shared<std::promise<Result<ImageAnswer>>>();
    Asked asked = {nullptr, done->get_future()};
    asked.job = std::make_shared<ImageJob>(
        task_.get(), std::move(request),
        [done](Result<ImageAnswer> answer) { done->set_value(std::move(answer)); }, &load_);
    const Status taken = queue_->Submit(asked.job);
    EXPECT_TRUE(taken.ok()) << taken.error().message;
    return asked;
  }
  Result<ImageAnswer> Run(ImageJobRequest request) { return Submit(std::move(request)).Wait(); }
  std::string Refusal(ImageJobRequest request) {
    const auto answer = Run(std::move(request));
    return answer.ok() ? "" : answer.error().message;
  }

  // The same without an engine.
  std::vector<Image> Alone(ImageJobRequest request) const {
    const auto image = ReadImage(std::as_bytes(std::span(input_)), AlphaChannel::kDrop, {});
    request.request.image = image.value();
    ImageSettings settings = CheckImageRequest(*model_, std::move(request.request)).value();
    SpreadSeeds(settings);
    auto picture = Picture::Make(*model_, std::move(settings), nullptr, nullptr).value();
    while (!picture->done()) EXPECT_TRUE(picture->Advance().ok());
    return picture->TakeImages();
  }

  std::string directory_, input_;
  std::unique_ptr<ImageModel> model_;
  std::unique_ptr<ImageTask> task_;
  std::unique_ptr<Scheduler> scheduler_;
  std::shared_ptr<ModelQueue> queue_;
  ImageLoad load_;
};

TEST_F(ImageJobTest, MakesWhatAPictureMakesAlone) {
  const std::vector<Image> alone = Alone(Request());
  auto first = Submit(Request()), second = Submit(Request());
  for (Asked* asked : {&first, &second}) {
    const auto answer = asked->Wait();
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    ASSERT_EQ(answer->images.size(), 1u);
    EXPECT_EQ(answer->images[0].pixels, alone[0].pixels);
    EXPECT_EQ(answer->settings.seeds, std::vector<uint64_t>{7});
    EXPECT_EQ(answer->steps, 7u);  // PNDM asks once more than it has steps
    EXPECT_GT(answer->memory_bytes, alone[0].pixels.size());
    EXPECT_GT(answer->timings.a_step.count(), 0);
  }
  EXPECT_EQ(load_.steps, 14u);
  AwaitUntil([&] { return load_.running == 0 && load_.planned_bytes == 0; }, "the jobs to go");
}

TEST_F(ImageJobTest, EachPictureHasASeedOfItsOwn) {
  ImageJobRequest request = Request();
  request.request.images = 2;
  const auto both = Run(request);
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->settings.seeds, (std::vector<uint64_t>{7, 8}));
  request.request.images = 1;
  request.request.seeds = {8};
  EXPECT_EQ(Run(request)->images[0].pixels, both->images[1].pixels);
}

TEST_F(ImageJobTest, TellsItsProgress) {
  std::vector<ImageProgress> reports;
  ImageJobRequest request = Request();
  request.on_progress = [&](ImageProgress progress) { reports.push_back(std::move(progress)); };
  request.previews = 3;
  ASSERT_TRUE(Run(request).ok());
  ASSERT_EQ(reports.size(), 8u);
  size_t previews = 0;
  for (size_t i = 0; i < reports.size(); ++i) {
    EXPECT_EQ(reports[i].steps_done, i);
    EXPECT_EQ(reports[i].steps, 7u);
    if (!reports[i].preview) continue;
    ++previews;
    EXPECT_EQ(reports[i].preview->width, 32u);
    EXPECT_EQ(reports[i].preview->height, 24u);
    EXPECT_EQ(reports[i].width, 64u);
  }
  EXPECT_EQ(previews, 3u);
  EXPECT_FALSE(reports.front().preview || reports.back().preview);
  reports.clear();
  request.previews = SIZE_MAX;
  ASSERT_TRUE(Run(request).ok());
  for (size_t i = 1; i + 1 < reports.size(); ++i) EXPECT_TRUE(reports[i].preview) << i;
}

// Beside the parts of the model; its latents stand for eight pixels each, those of the model for
// two.
TEST_F(ImageJobTest, PreviewsByTaesd) {
  const std::string taesd = DiffusionShared("w_taesd_sd");
  if (!std::filesystem::exists(taesd)) GTEST_SKIP() << "no " << taesd;
  const std::vector<Image> without = Alone(Request());
  const size_t memory = Run(Request())->memory_bytes;
  const auto folder = std::filesystem::path(testing::TempDir()) / "minnow_previews";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  for (const auto& entry : std::filesystem::directory_iterator(directory_))
    std::filesystem::create_symlink(entry.path(), folder / entry.path().filename());
  std::filesystem::create_directory_symlink(taesd, folder / "taesd");
  Load(folder.string());
  std::vector<Image> previews;
  ImageJobRequest request = Request();
  request.on_progress = [&](ImageProgress progress) {
    if (progress.preview) previews.push_back(*std::move(progress.preview));
  };
  EXPECT_EQ(Run(request)->memory_bytes, memory);  // nothing is kept for previews that nobody wants
  EXPECT_EQ(previews.size(), 0u);
  request.previews = 2;
  const auto answer = Run(request);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->images[0].pixels, without[0].pixels);
  EXPECT_GT(answer->memory_bytes, memory);  // here a preview is the larger picture
  ASSERT_EQ(previews.size(), 2u);
  EXPECT_EQ(previews[0].width, 256u);
  EXPECT_EQ(previews[0].height, 192u);
  EXPECT_NE(previews[0].pixels, previews[1].pixels);
  // A large one is made of means.
  previews.clear();
  request = LongRequest();
  request.request.steps = 3;
  request.request.width = 134;
  request.previews = 1;
  request.on_progress = [&](ImageProgress progress) {
    if (progress.preview) previews.push_back(*std::move(progress.preview));
  };
  ASSERT_TRUE(Run(request).ok());
  ASSERT_EQ(previews.size(), 1u);
  EXPECT_EQ(previews[0].width, 272u);
  EXPECT_EQ(previews[0].height, 512u);
  std::filesystem::remove_all(folder);
}

TEST_F(ImageJobTest, ATaesdThatDoesNotFitIsRefused) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "minnow_no_previews";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  for (const auto& entry : std::filesystem::directory_iterator(directory_))
    std::filesystem::create_symlink(entry.path(), folder / entry.path().filename());
  std::filesystem::create_directory(folder / "taesd");
  const auto source = ModelSource::Open(folder.string());
  ASSERT_TRUE(source.ok());
  const auto model =
      ImageModel::Load(*source, {.dtype = std::nullopt, .tiny_vae = "", .previews = true});
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("taesd"));
  EXPECT_TRUE(ImageModel::Load(*source, {.dtype = std::nullopt, .tiny_vae = ""}).ok());
  std::filesystem::remove_all(folder);
}

TEST_F(ImageJobTest, RefusesMarksOfOtherPrograms) {
  for (const char* prompt : {"a fox <lora:style:0.8>", "<lyco:x>", "<hypernet:x:1>"}) {
    ImageJobRequest request = Request();
    request.request.prompt = prompt;
    EXPECT_THAT(Refusal(request), HasSubstr("prompt: <"));
    request = Request();
    request.request.negative_prompt = prompt;
    EXPECT_THAT(Refusal(request), HasSubstr("negative_prompt: <"));
  }
  ImageJobRequest request = Request();
  request.request.prompt = "<a fox> at lora: 3";
  EXPECT_EQ(Refusal(request), "");
}

TEST_F(ImageJobTest, CountsSkippedLayersAsTheRequestDoes) {
  ImageJobRequest request = Request();
  request.request.clip_skip = 3;
  EXPECT_EQ(Refusal(request), "clip_skip: expected an integer in [0, 2], got 3");
  request.request.clip_skip_of_negative = true;
  EXPECT_EQ(Refusal(request), "clip_skip: expected an integer in [1, 3], got 4");
}

TEST_F(ImageJobTest, StopsWithinAStep) {
  std::promise<void> stepped;
  ImageJobRequest request = LongRequest();
  request.on_progress = [&](const ImageProgress& progress) {
    if (progress.steps_done == 1) stepped.set_value();
  };
  Asked asked = Submit(std::move(request));
  Await(stepped, "a step");
  asked.job->Cancel();
  EXPECT_EQ(asked.Wait().error().code, Code::kDeadline);
  EXPECT_TRUE(Run(Request()).ok()) << "the next one goes on";
}

TEST_F(ImageJobTest, StopsAtItsDeadlineAndWithTheServer) {
  auto late = std::make_shared<ImageJob>(
      task_.get(), LongRequest(),
      [](const Result<ImageAnswer>& answer) { EXPECT_EQ(answer.error().code, Code::kDeadline); });
  late->deadline = Job::Clock::now() + std::chrono::milliseconds(50);
  ASSERT_TRUE(queue_->Submit(late).ok());
  late = nullptr;
  EXPECT_TRUE(queue_->Drain(kAwaitLimit));
  Start(2, nullptr);
  Asked asked = Submit(LongRequest());
  AwaitUntil([&] { return load_.running == 1; }, "the picture to begin");
  task_->Stop();
  EXPECT_EQ(asked.Wait().error().code, Code::kOverloaded);
}

TEST_F(ImageJobTest, OneWhoseReportFailsEnds) {
  ImageJobRequest request = Request();
  request.on_progress = [](const ImageProgress&) { throw std::runtime_error("no one listens"); };
  EXPECT_THAT(Refusal(std::move(request)), HasSubstr("no one listens"));
  EXPECT_TRUE(Run(Request()).ok());
}

TEST_F(ImageJobTest, WaitsForMemoryOrIsRefused) {
  const size_t needs = Run(Request())->memory_bytes;
  const auto memory = std::make_shared<MemoryBudget>(2 * needs);
  Start(2, memory);
  auto first = Submit(Request()), second = Submit(Request());
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(second.Wait().ok());
  ImageJobRequest large = Request();
  large.request.width = large.request.height = 512;
  EXPECT_THAT(Refusal(std::move(large)), HasSubstr("bytes of memory"));
  EXPECT_TRUE(queue_->Drain(kAwaitLimit));
  EXPECT_EQ(memory->used(), 0u);
}

// However large a file is, what waits in the line is as large as the picture.
TEST_F(ImageJobTest, LargeFilesAreMadeSmallFirst) {
  ImageJobRequest request = Request();
  request.request.width = 64;
  request.request.height = 48;
  const auto expected = Run(request);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  const Image image = ReadImage(std::as_bytes(std::span(input_)), AlphaChannel::kDrop, {}).value();
  request.image_file = WritePng(Resize(image, 1280, 960, ResizeFilter::kLanczos), "").value();
  ImageJob job(task_.get(), request, [](Result<ImageAnswer>) {});
  ASSERT_TRUE(job.Prepare().ok());
  EXPECT_LT(job.expected_cost().bytes, size_t{64} * 48 * 3 + 200);
  const auto answer = Run(request);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->memory_bytes, expected->memory_bytes);
}

TEST_F(ImageJobTest, AnswersAreCountedUntilTheyAreGone) {
  const auto memory = std::make_shared<MemoryBudget>();
  Start(2, memory);
  ImageJobRequest request = Request();
  request.caller = {.adjusting = 10, .kept = 5'000, .finishing = 700};
  {
    const auto answer = Run(request);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_TRUE(queue_->Drain(kAwaitLimit));
    const size_t prompts = request.request.prompt.size() + request.request.negative_prompt.size();
    EXPECT_EQ(memory->used(), AnswerBytes(size_t{64} * 48) + prompts + 5'700);
    EXPECT_GE(answer->memory_bytes, memory->used());
  }
  EXPECT_EQ(memory->used(), 0u);
  // Beside a picture that has room it makes no difference, but what the caller keeps.
  Start(2, memory);
  const size_t kept = Run(request)->memory_bytes;
  request.caller = {};
  EXPECT_EQ(kept, Run(request)->memory_bytes + 5'000);
}

TEST_F(ImageJobTest, WhatWaitsIsCountedWithWhatTheCallerKeeps) {
  ImageJobRequest request = Request();
  ImageJob plain(task_.get(), request, [](Result<ImageAnswer>) {});
  request.caller = {.adjusting = 9'000, .kept = 5'000, .finishing = 700};
  ImageJob job(task_.get(), request, [](Result<ImageAnswer>) {});
  EXPECT_EQ(job.expected_cost().bytes, plain.expected_cost().bytes + 9'000);
  ASSERT_TRUE(job.Prepare().ok() && plain.Prepare().ok());
  EXPECT_EQ(job.expected_cost().bytes, plain.expected_cost().bytes + 5'000);
}

// Width comes first: such an image would take 300 MB for a moment.
TEST_F(ImageJobTest, WhatResizingTakesIsCounted) {
  Start(2, std::make_shared<MemoryBudget>(size_t{200} << 20));
  ImageJobRequest request = Request();
  request.image_file = WritePng(NewImage(2, 200'000, 3), "").value();
  request.request.width = request.request.height = 512;
  const ImageJob job(task_.get(), request, [](Result<ImageAnswer>) {});
  EXPECT_GT(job.expected_cost().bytes, size_t{300'000'000});
  const Status refused = queue_->Submit(std::make_shared<ImageJob>(
      task_.get(), request, [](Result<ImageAnswer>) { FAIL() << "it was taken"; }));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("bytes of memory"));
}

TEST_F(ImageJobTest, TransparencyIsAMask) {
  Image mask = NewImage(64, 48, 4);
  for (size_t i = 0; i < mask.pixels.size(); i += 4)
    mask.pixels[i + 3] = i < mask.pixels.size() / 2 ? 0 : 255;
  ImageJobRequest request = Request();
  request.mask_is_transparency = true;
  request.mask_file = WritePng(mask, "").value();
  const auto by_alpha = Run(request);
  ASSERT_TRUE(by_alpha.ok()) << by_alpha.error().message;

  Image white = NewImage(64, 48, 1);
  std::fill_n(white.pixels.begin(), white.pixels.size() / 2, uint8_t{255});
  request.mask_is_transparency = false;
  request.mask_file = WritePng(white, "").value();
  EXPECT_EQ(Run(request)->images[0].pixels, by_alpha->images[0].pixels);

  // The image's own, whose colours are all there.
  Image image = ReadImage(std::as_bytes(std::span(input_)), AlphaChannel::kKeep, {}).value();
  for (size_t i = 0; i < image.pixels.size(); i += 4) image.pixels[i + 3] = mask.pixels[i + 3];
  request.mask_is_transparency = true;
  request.mask_file = "";
  request.image_file = WritePng(image, "").value();
  EXPECT_EQ(Run(request)->images[0].pixels, by_alpha->images[0].pixels);
  request.masked_strength = 1;
  EXPECT_EQ(Run(request)->settings.strength, 1);
  request.image_file = input_;
  EXPECT_EQ(Run(request)->settings.strength, 0.75) << "without a mask";
}

TEST_F(ImageJobTest, RefusesFilesThatAreNone) {
  ImageJobRequest request = Request();
  request.image_file = "GIF89a";
  EXPECT_THAT(Refusal(request), HasSubstr("image: neither PNG"));
  request = Request();
  request.image_file.resize(input_.size() / 2);
  EXPECT_THAT(Refusal(request), HasSubstr("image: "));
  request = Request();
  request.mask_file = "x";
  EXPECT_THAT(Refusal(request), HasSubstr("mask: neither PNG"));
  request.mask_file = input_;
  request.mask_is_transparency = true;
  EXPECT_THAT(Refusal(request), HasSubstr("mask: no pixel of it is transparent"));
  request = Request();
  request.limits.max_pixels = 64 * 48 - 1;
  EXPECT_THAT(Refusal(request), HasSubstr("limit 3071"));
  request = Request();
  request.request.steps = 0;
  EXPECT_THAT(Refusal(request), HasSubstr("steps: "));
  request = Request();
  request.request.negative_prompt = std::string(size_t{1} << 20, 'a');
  EXPECT_THAT(Refusal(request), HasSubstr("negative_prompt: 1048576 bytes, limit 65536"));
}

}  // namespace
}  // namespace minnow
