// SPDX-License-Identifier: Apache-2.0
// The bodies of jobs, both ways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "api/images/jobs/request.h"
#include "api/images/jobs/status_json.h"

namespace minnow::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Result<ImageGenerationQuery> Read(const std::string& body) {
  return ReadImageGeneration(JsonDocument::Parse(body, "").value().root());
}
std::string ErrorOf(const std::string& body) {
  const auto query = Read(body);
  return query.ok() ? "none" : query.error().message;
}

TEST(ImageGeneration, Defaults) {
  const auto query = Read("{}");
  ASSERT_TRUE(query.ok()) << query.error().message;
  const ImageRequest& request = query->job.request;
  EXPECT_EQ(request.steps, 20);
  EXPECT_EQ(request.guidance, 7);
  EXPECT_EQ(request.strength, 0.75);
  EXPECT_EQ(request.width, 0);
  EXPECT_EQ(request.scheduler, "");
  EXPECT_EQ(request.strength_rule, StrengthRule::kWebUi);
  EXPECT_EQ(request.seeds.size(), 1u);
  EXPECT_EQ(query->job.previews, 20u);
  EXPECT_EQ(query->format.format, ImageFormat::kPng);
}

TEST(ImageGeneration, AllThatIsSaid) {
  const auto query = Read(
      R"({"prompt":"a","negative_prompt":"b","clip_skip":2,"width":64,"height":48,"strength":0.5,
          "seed":7,"batch_count":3,"init_image":"data:image/png;base64,AAEC","mask_image":"AAEC",
          "sample_params":{"scheduler":"karras","sample_method":"dpm++2m","sample_steps":9,
                           "eta":null,"guidance":{"txt_cfg":2.5,"img_cfg":2.5,"slg":{"scale":0}}},
          "vae_tiling_params":{"enabled":true},"output_format":"webp","output_compression":0,
          "embed_image_metadata":false,"preview_interval":4,"lora":[],"hires":{"enabled":false},
          "cache_mode":"disabled","control_image":null,"ref_images":[]})");
  ASSERT_TRUE(query.ok()) << query.error().message;
  const ImageRequest& request = query->job.request;
  EXPECT_EQ(request.clip_skip, 1);
  EXPECT_EQ(request.width, 64);
  EXPECT_EQ(request.seeds, (std::vector<uint64_t>{7, 8, 9}));
  EXPECT_EQ(request.images, 3);
  EXPECT_EQ(request.steps, 9);
  EXPECT_EQ(request.guidance, 2.5);
  EXPECT_EQ(request.scheduler, "dpmpp_2m_karras");
  EXPECT_EQ(request.tiling, VaeTiling::kAlways);
  EXPECT_EQ(query->job.image_file.size(), 3u);
  EXPECT_EQ(query->job.mask_file.size(), 3u);
  EXPECT_EQ(query->format.format, ImageFormat::kWebp);
  EXPECT_EQ(query->format.quality, 1);
  EXPECT_FALSE(query->embed_metadata);
  EXPECT_EQ(query->job.previews, 3u);
}

TEST(ImageGeneration, SampleMethods) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"("sample_method":"euler_a","eta":1)", "euler_a"},
      {R"("sample_method":"ddim","scheduler":"discrete")", "ddim"},
      {R"("sample_method":"dpm++2m")", "dpmpp_2m"},
      {R"("sample_method":"dpmpp_2m_karras")", "dpmpp_2m_karras"},
      {R"("sample_method":"pndm")", "pndm"},
      {R"("sample_method":"euler","scheduler":"karras")", "euler_karras"},
      {R"("sample_method":"default","scheduler":"default")", ""}};
  for (const auto& [fields, expected] : cases) {
    const auto query = Read(std::string(R"({"sample_params":{)") + fields + "}}");
    ASSERT_TRUE(query.ok()) << fields << query.error().message;
    EXPECT_EQ(query->job.request.scheduler, expected) << fields;
  }
}

TEST(ImageGeneration, WhatIsWrongIsNamed) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"({"lora":[{"path":"x"}]})", "lora: "},
      {R"({"control_image":"AAEC"})", "control_image: "},
      {R"({"ref_images":["AAEC"]})", "ref_images: "},
      {R"({"hires":{"enabled":true}})", "hires.enabled: "},
      {R"({"cache_mode":"ucache"})", "cache_mode: "},
      {R"({"mask_image":"AAEC"})", "mask_image: "},
      {R"({"init_image":"?"})", "init_image: "},
      {R"({"batch_count":0})", "batch_count: "},
      {R"({"output_format":"gif"})", "output_format: "},
      {R"({"output_compression":101})", "output_compression: "},
      {R"({"preview":"vae"})", "preview: "},
      {R"({"seed":"x"})", "seed: "},
      {R"({"seed":-2})", "seed: "},
      {R"({"sample_params":[]})", "sample_params: "},
      {R"({"sample_params":{"sample_steps":0}})", "sample_params.sample_steps: "},
      {R"({"sample_params":{"sample_method":"tcd"}})", "sample_params.sample_method: "},
      {R"({"sample_params":{"sample_method":"euler","scheduler":"ays"}})",
       "sample_params.scheduler: "},
      {R"({"sample_params":{"sample_method":"lcm","scheduler":"karras"}})",
       "sample_params.scheduler: "},
      {R"({"sample_params":{"sample_method":"euler_a karras"}})", "sample_params.sample_method: "},
      {R"({"sample_params":{"sample_method":"lcm karras"}})", "sample_params.sample_method: "},
      {R"({"sample_params":{"scheduler":"karras"}})", "sample_params.scheduler: "},
      {R"({"sample_params":{"sample_method":"euler_a","eta":0.5}})", "sample_params.eta: "},
      {R"({"sample_params":{"custom_sigmas":[1,0]}})", "sample_params.custom_sigmas: "},
      {R"({"sample_params":{"guidance":{"slg":{"scale":2.5}}}})",
       "sample_params.guidance.slg.scale: "}};
  for (const auto& [body, start] : cases) EXPECT_THAT(ErrorOf(body), StartsWith(start)) << body;
  EXPECT_FALSE(Read("[]").ok());
}

ImageJobStatus Status(ImageJobState state) {
  ImageJobStatus status;
  status.id = "job_1";
  status.state = state;
  status.created = 100;
  return status;
}

std::string Job(const ImageJobStatus& status, bool files) {
  std::string text;
  JsonWriter json(&text);
  WriteJob(status, files, json);
  return text;
}

TEST(ImageJobJson, Queued) {
  ImageJobStatus status = Status(ImageJobState::kQueued);
  status.queue_position = 2;
  EXPECT_EQ(Job(status, true),
            R"({"id":"job_1","kind":"img_gen","status":"queued","created":100,"started":null,)"
            R"("completed":null,"queue_position":2,"progress":{"step":0,"steps":0,"elapsed_ms":0,)"
            R"("eta_ms":null},"result":null,"error":null})");
  std::string accepted;
  JsonWriter json(&accepted);
  WriteAccepted(status, json);
  EXPECT_EQ(accepted,
            R"({"id":"job_1","kind":"img_gen","status":"queued","created":100,)"
            R"("poll_url":"/sdcpp/v1/jobs/job_1","events_url":"/sdcpp/v1/jobs/job_1/events"})");
}

TEST(ImageJobJson, CompletedAndFailed) {
  ImageJobStatus status = Status(ImageJobState::kCompleted);
  status.started = 101;
  status.completed = 103;
  status.result = std::make_shared<ImageJobResult>(
      ImageJobResult{"png", {"AAEC"}, {7}, {"a fish"}, 8, 16, {"w"}});
  EXPECT_THAT(Job(status, true),
              HasSubstr(R"("result":{"output_format":"png","width":8,"height":16,"images":[)"
                        R"({"index":0,"seed":7,"parameters":"a fish","b64_json":"AAEC"}],)"
                        R"("warnings":["w"]},"error":null)"));
  EXPECT_THAT(Job(status, false), ::testing::Not(HasSubstr("b64_json")));
  ImageJobStatus failed = Status(ImageJobState::kFailed);
  failed.error = ImageJobError{"invalid_request", "steps: x"};
  EXPECT_THAT(Job(failed, true),
              HasSubstr(R"("error":{"code":"invalid_request","message":"steps: x"})"));
}

TEST(ImageJobJson, Events) {
  ImageJobStatus status = Status(ImageJobState::kGenerating);
  status.step = 2;
  status.steps = 8;
  status.elapsed = std::chrono::milliseconds(500);
  status.eta = std::chrono::milliseconds(1500);
  std::string out;
  AppendJobEvent(status, "AAEC", out);
  EXPECT_EQ(out,
            "event: progress\ndata: {\"step\":2,\"steps\":8,\"elapsed_ms\":500,"
            "\"eta_ms\":1500,\"preview\":\"AAEC\"}\n\n");
  out.clear();
  AppendJobEvent(Status(ImageJobState::kQueued), {}, out);
  EXPECT_EQ(out, "event: queued\ndata: {\"queue_position\":0}\n\n");
  for (const auto state :
       {ImageJobState::kCompleted, ImageJobState::kFailed, ImageJobState::kCancelled}) {
    out.clear();
    AppendJobEvent(Status(state), {}, out);
    EXPECT_THAT(out, StartsWith(std::string("event: ") + ImageJobStateName(state) + "\ndata: {"));
  }
}

}  // namespace
}  // namespace minnow::api
