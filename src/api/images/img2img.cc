// SPDX-License-Identifier: Apache-2.0
// POST /superlabs_diffusion/v1/img2img: a form of `message_json`, {"model", "options",
// "request_time", "note"}, and `file`, the image. The answer is a picture, or JSON where the client
// would rather have that.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/images/image_call.h"
#include "api/images/picture_body.h"
#include "api/images/wires.h"
#include "http/accept.h"

namespace minnow::api {
namespace {

constexpr char kMessage[] = "message_json";
constexpr char kFile[] = "file";
constexpr std::pair<std::string_view, std::string_view> kImg2ImgNames[] = {
    {"image", "file"},
    {"prompt", "options.prompt"},
    {"negative_prompt", "options.negative_prompt"},
    {"images", "options.num_images_per_prompt"},
    {"steps", "options.num_inference_steps"},
    {"guidance", "options.guidance_scale"},
    {"strength", "options.strength"},
    {"seed", "options.seed"},
    {"scheduler", "options.scheduler"},
    {"width", "options.width"},
    {"height", "options.height"},
    {"eta", "options.eta"},
    {"clip_skip", "options.clip_skip"}};

constexpr std::string_view kMessageFields[] = {"model", "options", "request_time", "note"};
constexpr std::string_view kOptions[] = {"prompt",         "negative_prompt",
                                         "strength",       "num_inference_steps",
                                         "guidance_scale", "seed",
                                         "scheduler",      "width",
                                         "height",         "eta",
                                         "clip_skip",      "num_images_per_prompt"};

// Options that only save memory elsewhere, and what is done here.
constexpr std::string_view kTiling = "enable_vae_tiling";
constexpr std::pair<std::string_view, std::string_view> kMemoryOptions[] = {
    {"enable_attention_slicing", "not needed: attention never takes memory for its matrix"},
    {kTiling, ""},
    {"enable_vae_slicing", "pictures are decoded one at a time"},
    {"enable_model_cpu_offload", "not needed: the model runs on the CPU"},
    {"enable_sequential_cpu_offload", "not needed: the model runs on the CPU"},
    {"enable_xformers_memory_efficient_attention", "not needed: attention is computed that way"},
    {"compile", "not needed: the program is compiled"}};

Error Wrong(const std::string& message) { return {Code::kInvalidArgument, message}; }

struct Img2ImgQuery {
  ImageQuery query;
  std::vector<std::string_view> memory_options;  // that were asked for, of kMemoryOptions
};

// nullopt: JSON.
using Answered = std::optional<ImageFormat>;

Status ReadOptions(const JsonView& options, Img2ImgQuery& asked) {
  ImageJobRequest& job = asked.query.job;
  for (size_t i = 0; i < options.size(); ++i) {
    const std::string_view name = options.key(i);
    const auto is = [name](const auto& known) { return known.first == name; };
    if (std::ranges::any_of(kMemoryOptions, is)) {
      MINNOW_ASSIGN_OR_RETURN(const bool wanted, options.GetBool(name, false));
      if (wanted) asked.memory_options.push_back(std::ranges::find_if(kMemoryOptions, is)->first);
      if (wanted && name == kTiling) job.request.tiling = VaeTiling::kAlways;
    } else if (std::ranges::count(kOptions, name) == 0) {
      return options.at(i).Wrong("unknown option");
    }
  }
  constexpr int64_t kMost = INT64_MAX;
  const JsonImageFields fields(options);
  ImageRequest& request = job.request;
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Text("prompt"), request.prompt));
  MINNOW_RETURN_IF_ERROR(
      SetIfThere(fields.Integer("num_inference_steps", 1, kMost), request.steps));
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Integer("width", 1, kMost), request.width));
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Integer("height", 1, kMost), request.height));
  MINNOW_RETURN_IF_ERROR(
      SetIfThere(fields.Integer("num_images_per_prompt", 1, kMost), request.images));
  return ReadImageSettings(fields, job);
}

Status ReadMessage(const JsonView& message, Img2ImgQuery& asked) {
  MINNOW_RETURN_IF_ERROR(message.Object());
  for (size_t i = 0; i < message.size(); ++i) {
    if (std::ranges::count(kMessageFields, message.key(i)) == 0)
      return message.at(i).Wrong("unknown field");
  }
  if (!message.Find("model")) return Wrong("model: field required");
  MINNOW_ASSIGN_OR_RETURN(asked.query.model, message.GetString("model"));
  for (const char* name : {"request_time", "note"}) {
    MINNOW_RETURN_IF_ERROR(message.GetString(name, ""));
  }
  const auto options = message.Find("options");
  if (!options || options->is_null()) return {};
  MINNOW_RETURN_IF_ERROR(options->Object());
  return ReadOptions(*options, asked);
}

Result<Img2ImgQuery> ReadQuery(const std::vector<http::FormPart>& parts) {
  const auto find = [&](std::string_view name) {
    return std::ranges::find(parts, name, &http::FormPart::name);
  };
  const auto message = find(kMessage), file = find(kFile);
  if (message == parts.end()) return Wrong(std::string(kMessage) + ": field required");
  if (file == parts.end() || file->is_blank())
    return Wrong(std::string(kFile) + ": field required");
  for (const http::FormPart& part : parts) {
    if (part.name != kMessage && part.name != kFile)
      return Wrong(QuoteForMessage(part.name) + ": unknown part of the form");
  }
  Img2ImgQuery asked;
  asked.query.names = kImg2ImgNames;
  const auto document = ParseBody(message->contents);
  if (!document.ok()) return Annotate(document.error(), kMessage);
  MINNOW_RETURN_IF_ERROR(ReadMessage(document->root(), asked));
  MINNOW_ASSIGN_OR_RETURN(asked.query.job.image_file, ReadImageFile(file->contents, kFile));
  return asked;
}

// What the client likes best; a PNG where it does not say.
Answered AnswerFor(const http::Request& request) {
  const auto accept = http::ReadAccept(request.headers, "Accept");
  Answered best = ImageFormat::kPng;
  int most = http::MediaWeight(accept, "image", "png");
  const auto compare = [&](int weight, Answered answered) {
    if (weight > most) most = weight, best = answered;
  };
  compare(http::MediaWeight(accept, "image", "jpeg"), ImageFormat::kJpeg);
  compare(http::MediaWeight(accept, "image", "webp"), ImageFormat::kWebp);
  compare(http::MediaWeight(accept, "application", "json"), std::nullopt);
  return best;
}

// "tiled" or why not.
std::string Done(std::string_view option, const ImageAnswer& answer) {
  if (option == kTiling)
    return answer.settings.tiled ? "done" : "not needed: the picture is no larger than a tile";
  return std::string(std::ranges::find_if(kMemoryOptions, [&](const auto& known) {
                       return known.first == option;
                     })->second);
}

void WriteFacts(Call& call, const Img2ImgQuery& asked, const ImageAnswer& answer,
                JsonWriter& json) {
  const ImageSettings& settings = answer.settings;
  const auto put = [&json](const char* name, uint64_t number) {
    json.Key(name);
    json.Uint(number);
  };
  json.Key("seeds");
  json.BeginArray();
  for (const uint64_t seed : settings.seeds) json.Uint(seed);
  json.EndArray();
  put("seed", settings.seeds.front());
  put("width", settings.width);
  put("height", settings.height);
  put("steps", answer.steps);
  put("dropped_tokens", answer.dropped_tokens);
  put("dropped_negative_tokens", answer.dropped_negative_tokens);
  put("memory_bytes", answer.memory_bytes);
  json.Key("model");
  json.String(call.facts().model_id);
  json.Key("options_done");
  json.BeginObject();
  for (const std::string_view option : asked.memory_options) {
    json.Key(option);
    json.String(Done(option, answer));
  }
  json.EndObject();
}

void SendJson(Call& call, const Img2ImgQuery& asked, const ImageAnswer& answer) {
  http::Response response;
  response.content_type = "application/json";
  response.codable = false;
  JsonWriter json(&response.body);
  json.BeginObject();
  json.Key("images");
  json.BeginArray();
  for (size_t i = 0; i < answer.images.size(); ++i) {
    const auto text = EncodePictureBase64(answer, i, call.facts().model_id, {});
    if (!text.ok()) return call.Fail(ToFailure(text.error()));
    json.String(*text);
  }
  json.EndArray();
  WriteFacts(call, asked, answer, json);
  json.EndObject();
  response.headers = ImageHeaders(answer, CountImages(call, answer));
  call.Finish(std::move(response));
}

void SendPicture(Call& call, const Img2ImgQuery& asked, ImageFormat format,
                 const ImageAnswer& answer) {
  auto file = EncodePicture(answer, 0, call.facts().model_id, {.format = format});
  if (!file.ok()) return call.Fail(ToFailure(file.error()));
  http::Response response;
  response.content_type = MediaType(format);
  response.codable = false;
  response.body = *std::move(file);
  response.headers = ImageHeaders(answer, CountImages(call, answer));
  std::string done;
  for (const std::string_view option : asked.memory_options)
    done += (done.empty() ? "" : "; ") + std::string(option) + "=" + Done(option, answer);
  if (!done.empty()) response.headers.push_back({"X-Options-Done", done});
  response.headers.push_back({"Vary", "Accept"});
  call.Finish(std::move(response));
}

void Answer(Call& call) {
  const auto parts = http::ReadForm(call.request().FindHeader("Content-Type"), call.request().body);
  if (!parts.ok()) return call.Fail({Fault::kInvalidField, parts.error().message});
  Result<Img2ImgQuery> read = ReadQuery(*parts);
  call.DropBody();
  if (!read.ok()) return call.Fail(ToFailure(std::move(read).error(), kImg2ImgNames));
  const auto asked = std::make_shared<Img2ImgQuery>(std::move(read).value());
  const Answered answered = AnswerFor(call.request());
  if (answered && asked->query.job.request.images > 1) {
    return call.Fail(
        {Fault::kInvalidField,
         "options.num_images_per_prompt: " + std::to_string(asked->query.job.request.images) +
             ", limit 1 in an answer that is a picture; Accept: application/json "
             "takes more"});
  }
  SubmitImages(call, std::move(asked->query), [asked, answered](Call& c, const ImageAnswer& a) {
    if (answered) return SendPicture(c, *asked, *answered, a);
    SendJson(c, *asked, a);
  });
}

}  // namespace

void AddImg2ImgRoutes(const ApiContext* context, http::Router& router) {
  router.Add(
      "POST", "/superlabs_diffusion/v1/img2img",
      [context](http::Request request, http::Responder responder) {
        auto call = std::make_shared<Call>(context, Family::kFastApiList, std::move(request),
                                           std::move(responder));
        Call::Begin(std::move(call), Answer);
      },
      ImageRouteOptions(*context));
}

}  // namespace minnow::api
