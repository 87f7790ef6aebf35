// SPDX-License-Identifier: Apache-2.0
#include "api/images/web_ui/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace minnow::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// "AAEC" is 0, 1, 2 in base64.
constexpr const char* kImage = R"("init_images":["AAEC"])";

Result<WebUiQuery> ReadText(const std::string& body) {
  return ReadTextToImage(JsonDocument::Parse(body, "").value().root());
}
Result<WebUiQuery> ReadImage(const std::string& fields) {
  const std::string body = std::string("{") + kImage + (fields.empty() ? "" : ",") + fields + "}";
  return ReadImageToImage(JsonDocument::Parse(body, "").value().root());
}
std::string ErrorOf(const Result<WebUiQuery>& query) {
  return query.ok() ? "none" : query.error().message;
}

TEST(WebUiRequest, Defaults) {
  const auto query = ReadText("{}");
  ASSERT_TRUE(query.ok()) << query.error().message;
  const ImageRequest& request = query->job.request;
  EXPECT_EQ(request.steps, 50);
  EXPECT_EQ(request.guidance, 7);
  EXPECT_EQ(request.width, 512);
  EXPECT_EQ(request.height, 512);
  EXPECT_EQ(request.scheduler, "euler");
  EXPECT_EQ(request.strength_rule, StrengthRule::kWebUi);
  EXPECT_EQ(request.clip_skip, 0);
  EXPECT_EQ(query->batch, 1u);
  EXPECT_EQ(query->rounds, 1u);
  EXPECT_TRUE(query->send_images);
  EXPECT_TRUE(query->warnings.empty());
  EXPECT_LE(query->seed, UINT32_MAX);
  const auto image = ReadImage("");
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->job.request.strength, 0.75);
  EXPECT_EQ(image->job.image_file, std::string("\0\1\2", 3));
  EXPECT_TRUE(image->job.mask_file.empty());
}

TEST(WebUiRequest, AllThatIsSaid) {
  const auto query = ReadText(
      R"({"prompt":"a fish","negative_prompt":"b","steps":7,"cfg_scale":3.5,"width":64,"height":32,
          "seed":5,"sampler_name":"DPM++ 2M Karras","batch_size":2,"n_iter":3,"send_images":false,
          "override_settings":{"CLIP_stop_at_last_layers":2,"sd_model_checkpoint":"m",
                               "samples_format":"jpg","jpeg_quality":50}})");
  ASSERT_TRUE(query.ok()) << query.error().message;
  const ImageRequest& request = query->job.request;
  EXPECT_EQ(request.prompt, "a fish");
  EXPECT_EQ(request.negative_prompt, "b");
  EXPECT_EQ(request.steps, 7);
  EXPECT_EQ(request.guidance, 3.5);
  EXPECT_EQ(request.width, 64);
  EXPECT_EQ(request.images, 2);
  EXPECT_EQ(request.scheduler, "dpmpp_2m_karras");
  EXPECT_EQ(request.clip_skip, 1);
  EXPECT_TRUE(request.clip_skip_of_negative);
  EXPECT_EQ(query->rounds, 3u);
  EXPECT_EQ(query->seed, 5u);
  EXPECT_EQ(query->model, "m");
  EXPECT_FALSE(query->send_images);
  EXPECT_EQ(query->format.format, ImageFormat::kJpeg);
  EXPECT_EQ(query->format.quality, 50);
}

TEST(WebUiRequest, TheEchoIsWhatCameButForImages) {
  const auto query = ReadImage(R"("prompt":"x","mask":"AAEC","other":[1],"seed":null)");
  ASSERT_TRUE(query.ok()) << query.error().message;
  const auto echo = JsonDocument::Parse(query->echo, "").value();
  EXPECT_TRUE(echo.root().Find("init_images")->is_null());
  EXPECT_TRUE(echo.root().Find("mask")->is_null());
  EXPECT_EQ(*echo.root().GetString("prompt"), "x");
  EXPECT_EQ(echo.root().Find("other")->size(), 1u);
  EXPECT_EQ(*echo.root().GetInt("seed", -1, 9), -1);
  EXPECT_EQ(*echo.root().GetNumber("denoising_strength"), 0.75);
  const auto with = ReadImage(R"("include_init_images":true)");
  EXPECT_THAT(with->echo, HasSubstr(R"("init_images":["AAEC"])"));
}

TEST(WebUiRequest, Samplers) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"("sampler_name":"Euler a")", "euler_a"},
      {R"("sampler_name":"euler a","scheduler":"automatic")", "euler_a"},
      {R"("sampler_name":"k_euler")", "euler"},
      {R"("sampler_name":"DPM++ 2M")", "dpmpp_2m_karras"},
      {R"("sampler_name":"DPM++ 2M","scheduler":"Uniform")", "dpmpp_2m"},
      {R"("sampler_name":"DPM++ 2M","scheduler":"normal")", "dpmpp_2m"},
      {R"("sampler_name":"DPM++ 2M","scheduler":"karras")", "dpmpp_2m_karras"},
      {R"("sampler_name":"Euler","scheduler":"Karras")", "euler_karras"},
      {R"("sampler_name":"LMS Karras")", "lms_karras"},
      {R"("sampler_name":"DDIM","scheduler":"karras")", "ddim"},
      {R"("sampler_name":"PLMS")", "pndm"},
      {R"("sampler_name":"UniPC")", "unipc"},
      {R"("sampler_name":"Heun")", "heun"},
      {R"("sampler_name":"LCM")", "lcm"},
      {R"("sampler_name":null,"sampler_index":"LMS")", "lms"},
      {R"("sampler_index":"DDIM")", "ddim"},
  };
  for (const auto& [fields, expected] : cases) {
    const auto query = ReadText(std::string("{") + fields + "}");
    ASSERT_TRUE(query.ok()) << fields << query.error().message;
    EXPECT_EQ(query->job.request.scheduler, expected) << fields;
  }
  const auto unknown = ReadText(R"({"sampler_name":"DPM fast"})");
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  EXPECT_THAT(ErrorOf(unknown), HasSubstr("DPM++ 2M, Euler a"));
  EXPECT_THAT(ErrorOf(ReadText(R"({"sampler_name":"Euler a","scheduler":"karras"})")),
              StartsWith("scheduler: "));
  EXPECT_THAT(ErrorOf(ReadText(R"({"scheduler":"exponential"})")), StartsWith("scheduler: "));
}

TEST(WebUiRequest, EtaIsTheSamplers) {
  EXPECT_EQ(ReadText(R"({"sampler_name":"DDIM","eta":1})")->job.request.eta, 1);
  EXPECT_EQ(ReadText(R"({"sampler_name":"DDIM"})")->job.request.eta, 0);
  EXPECT_EQ(ReadText(R"({"sampler_name":"Euler","eta":1})")->job.request.eta, 0);
  EXPECT_TRUE(ReadText(R"({"sampler_name":"Euler a","eta":1,"s_noise":1})").ok());
  EXPECT_THAT(ErrorOf(ReadText(R"({"sampler_name":"Euler a","eta":0.5})")), StartsWith("eta: "));
  EXPECT_THAT(ErrorOf(ReadText(R"({"sampler_name":"Euler","s_churn":3})")),
              StartsWith("s_churn: "));
  EXPECT_TRUE(ReadText(R"({"sampler_name":"PLMS","s_churn":3,"s_noise":2})").ok());
}

TEST(WebUiRequest, WhatWouldChangeThePictureIsRefusedByName) {
  for (const char* fields : {R"("styles":["x"])",
                             R"("restore_faces":true)",
                             R"("tiling":true)",
                             R"("enable_hr":true)",
                             R"("refiner_checkpoint":"x")",
                             R"("infotext":"x")",
                             R"("latent_mask":"x")",
                             R"("subseed_strength":0.1)",
                             R"("seed_resize_from_w":64)",
                             R"("s_min_uncond":1)",
                             R"("script_name":"x/y plot")",
                             R"("alwayson_scripts":{"ControlNet":{"args":[{"a":1}]}})",
                             R"("alwayson_scripts":{"ControlNet":{"args":{"a":1}}})",
                             R"("alwayson_scripts":{"x":{"args":[{"enabled":true}]}})",
                             R"("steps":0)",
                             R"("steps":"x")",
                             R"("cfg_scale":null,"width":-8)",
                             R"("batch_size":17)",
                             R"("n_iter":0)",
                             R"("n_iter":33,"batch_size":2)",
                             R"("seed":-2)",
                             R"("seed":18446744073709551616)",
                             R"("seed":1.5)"}) {
    const std::string error = ErrorOf(ReadText(std::string("{") + fields + "}"));
    const std::string all = fields;
    bool named = false;
    for (size_t at = all.find('"'); at != std::string::npos; at = all.find('"', at + 1))
      named |= error.starts_with(all.substr(at + 1, all.find('"', at + 1) - at - 1) + ": ");
    EXPECT_TRUE(named) << fields << " gave " << error;
  }
  for (const char* fields :
       {R"("initial_noise_multiplier":0.5)", R"("resize_mode":3)",
        R"("inpainting_fill":2,"mask":"AAEC")", R"("mask":"?")", R"("mask_blur":-1,"mask":"AAEC")",
        R"("mask_blur":1e9,"mask":"AAEC")", R"("mask_round":false,"mask":"AAEC")",
        R"("denoising_strength":"x")", R"("init_images":["AAEC","AAEC"])"}) {
    const std::string error = ErrorOf(ReadImage(fields));
    const std::string name = std::string(fields).substr(1, std::string(fields).find('"', 1) - 1);
    EXPECT_THAT(error, StartsWith(name)) << fields;
  }
}

TEST(WebUiRequest, WhatClientsSendAlongDoesNothing) {
  EXPECT_TRUE(
      ReadText(R"({"enable_hr":false,"hr_scale":2,"hr_upscaler":"Latent","denoising_strength":0.7,
                   "styles":[],"subseed":-1,"subseed_strength":0.0,"seed_resize_from_h":-1,
                   "restore_faces":false,"tiling":false,"s_churn":0,"s_tmax":0,"s_noise":1,
                   "script_name":null,"script_args":[],"save_images":false,"firstphase_width":0,
                   "alwayson_scripts":{"ADetailer":{"args":[false]},"ControlNet":{"args":[]},
                     "controlnet":{"args":[{"enabled":false,"weight":1}]}},
                   "override_settings":{},"override_settings_restore_afterwards":true,"x":{}})")
          .ok());
}

TEST(WebUiRequest, OverrideSettings) {
  const auto read = [](const std::string& settings) {
    return ReadText(R"({"override_settings":{)" + settings + "}}");
  };
  EXPECT_TRUE(read(R"("samples_save":false,"filter_nsfw":true,"sd_vae":"Automatic",
                      "eta_noise_seed_delta":0,"sd_model_checkpoint":null)")
                  .ok());
  for (const char* setting : {R"("sd_vae":"x.pt")", R"("eta_noise_seed_delta":31337)",
                              R"("unheard_of":1)", R"("CLIP_stop_at_last_layers":0)",
                              R"("samples_format":"gif")", R"("token_merging_ratio":0.5)"}) {
    const std::string name = std::string(setting).substr(1, std::string(setting).find('"', 1) - 1);
    EXPECT_THAT(ErrorOf(read(setting)), StartsWith("override_settings." + name + ": "));
  }
}

TEST(WebUiRequest, WeightsInPromptsAreTold) {
  EXPECT_EQ(ReadText(R"({"prompt":"(a fish:1.2), b"})")->warnings.size(), 1u);
  EXPECT_TRUE(ReadText(R"x({"prompt":"a: (fish)"})x")->warnings.empty());
  EXPECT_TRUE(ReadText(R"({"prompt":"a fish, b"})")->warnings.empty());
}

TEST(WebUiRequest, Masks) {
  const auto plain = ReadImage(R"("mask":"data:image/png;base64,AAEC")");
  ASSERT_TRUE(plain.ok()) << plain.error().message;
  EXPECT_EQ(plain->job.mask_file.size(), 3u);
  EXPECT_FALSE(plain->inpaint.invert_mask);
  EXPECT_TRUE(plain->inpaint.only_masked);
  EXPECT_TRUE(plain->inpaint.fill);
  EXPECT_EQ(plain->inpaint.blur_x, 4);
  const auto all = ReadImage(
      R"("mask":"AAEC","mask_blur_x":2,"inpainting_mask_invert":1,"inpainting_fill":1,
         "inpaint_full_res":false,"inpaint_full_res_padding":32,"resize_mode":2)");
  ASSERT_TRUE(all.ok()) << all.error().message;
  EXPECT_TRUE(all->inpaint.invert_mask);
  EXPECT_FALSE(all->inpaint.only_masked);
  EXPECT_FALSE(all->inpaint.fill);
  EXPECT_EQ(all->inpaint.padding, 32u);
  EXPECT_EQ(all->inpaint.blur_x, 2);
  EXPECT_EQ(all->inpaint.blur_y, 4);
  EXPECT_EQ(all->inpaint.fit, FitMode::kPad);
  EXPECT_EQ(ReadImage(R"("mask":"AAEC","mask_blur":0)")->inpaint.blur_y, 0);
}

TEST(WebUiRequest, InitImages) {
  for (const char* body : {"{}", R"({"init_images":null})", R"({"init_images":[]})"}) {
    const auto none = ReadImageToImage(JsonDocument::Parse(body, "").value().root());
    EXPECT_EQ(none.error().code, Code::kNotFound) << body;
  }
  const auto read = [](const std::string& image) {
    const auto document = JsonDocument::Parse("{\"a\":" + image + "}", "").value();
    return ReadBase64File(document.root().Get("a").value());
  };
  EXPECT_EQ(*read(R"("AAEC")"), std::string("\0\1\2", 3));
  EXPECT_EQ(*read(R"(" AA\r\nEC\n")"), std::string("\0\1\2", 3));
  EXPECT_EQ(*read(R"("data:image/jpeg;base64,AAEC")"), std::string("\0\1\2", 3));
  for (const char* wrong :
       {R"("http://localhost/x.png")", R"("AAE")", R"("")", R"("data:image/png,x")",
        R"("data:image/png;base64")", "1", "null", R"("data:;base64,")"})
    EXPECT_THAT(read(wrong).ok() ? "" : read(wrong).error().message, StartsWith("a: ")) << wrong;
}

TEST(WebUiRequest, NoObject) {
  for (const char* body : {"[]", "1", "null", "\"x\""}) EXPECT_FALSE(ReadText(body).ok()) << body;
}

}  // namespace
}  // namespace minnow::api
