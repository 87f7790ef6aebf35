// SPDX-License-Identifier: Apache-2.0
// OpenAI's images: POST /v1/images/generations and /v1/images/edits.
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/images/image_call.h"
#include "api/images/picture_body.h"
#include "api/images/wires.h"
#include "image/resize.h"

namespace minnow::api {
namespace {

constexpr int64_t kMostImages = 10;
constexpr int64_t kMostPartialImages = 3;
constexpr int64_t kBestQuality = 100;
// What is painted within a mask owes nothing to what was there.
constexpr double kMaskedStrength = 1;
constexpr std::pair<std::string_view, std::string_view> kOpenAiNames[] = {
    {"images", "n"}, {"guidance", "guidance_scale"}, {"width", "size"}, {"height", "size"}};

struct OpenAiShape {
  PictureFormat format;
  // Said again in the events of a stream.
  std::string quality = "auto";
  std::string background = "auto";
};

struct OpenAiQuery {
  ImageQuery query;
  OpenAiShape shape;
  bool stream = false;
};

Error Refused(const std::string& message) { return {Code::kInvalidArgument, message}; }

Status ReadFormat(const ImageFields& fields, OpenAiShape& shape) {
  MINNOW_ASSIGN_OR_RETURN(const auto response, fields.Text("response_format"));
  if (response && *response == "url") {
    return Refused(
        "response_format: url: this server keeps no pictures; ask for b64_json, as without the "
        "field");
  }
  if (response && !response->empty() && *response != "b64_json")
    return Refused("response_format: expected b64_json, got " + QuoteForMessage(*response));
  MINNOW_ASSIGN_OR_RETURN(const auto format, fields.Text("output_format"));
  if (format && !format->empty()) {
    MINNOW_ASSIGN_OR_RETURN(shape.format.format, ParseImageFormat(*format, "output_format"));
  }
  MINNOW_ASSIGN_OR_RETURN(const auto compression,
                          fields.Integer("output_compression", 0, kBestQuality));
  if (!compression) return {};
  if (shape.format.format == ImageFormat::kPng && *compression < kBestQuality)
    return Refused("output_compression: not of png, which loses nothing; of jpeg and webp");
  shape.format.quality = static_cast<int>(std::max<int64_t>(*compression, 1));
  return {};
}

Status ReadLooks(const ImageFields& fields, OpenAiShape& shape) {
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Text("quality"), shape.quality));
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Text("background"), shape.background));
  if (shape.background == "transparent")
    return Refused("background: transparent: the model makes no transparent pictures");
  for (const char* name : {"style", "user"}) {
    MINNOW_RETURN_IF_ERROR(fields.Text(name));
  }
  return {};
}

Status ReadStreaming(const ImageFields& fields, OpenAiQuery& asked) {
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Flag("stream"), asked.stream));
  MINNOW_ASSIGN_OR_RETURN(const auto partial,
                          fields.Integer("partial_images", 0, kMostPartialImages));
  if (partial.value_or(0) > 0 && !asked.stream)
    return Refused("partial_images: " + std::to_string(*partial) + ", limit 0 without stream");
  asked.query.job.previews = static_cast<size_t>(partial.value_or(0));
  if (asked.stream && asked.query.job.request.images > 1) {
    return Refused("n: " + std::to_string(asked.query.job.request.images) +
                   ", limit 1 where the answer is streamed");
  }
  return {};
}

// What both routes read.
Status ReadCommon(const ImageFields& fields, OpenAiQuery& asked) {
  ImageQuery& query = asked.query;
  ImageRequest& request = query.job.request;
  query.names = kOpenAiNames;
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Text("model"), query.model));
  MINNOW_ASSIGN_OR_RETURN(auto prompt, fields.Text("prompt"));
  if (!prompt) return Refused("prompt: missing");
  request.prompt = *std::move(prompt);
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Integer("n", 1, kMostImages), request.images));
  MINNOW_ASSIGN_OR_RETURN(const auto size, fields.Text("size"));
  MINNOW_RETURN_IF_ERROR(ReadImageSize(size.value_or(""), request));
  MINNOW_RETURN_IF_ERROR(ReadImageSettings(fields, query.job));
  MINNOW_RETURN_IF_ERROR(ReadFormat(fields, asked.shape));
  MINNOW_RETURN_IF_ERROR(ReadLooks(fields, asked.shape));
  return ReadStreaming(fields, asked);
}

Result<OpenAiQuery> ReadGeneration(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  for (const char* field : {"image", "images", "image_url", "init_image", "file", "mask"}) {
    const auto value = body.Find(field);
    if (value && !value->is_null())
      return Refused(std::string(field) + ": POST /v1/images/edits changes an image");
  }
  OpenAiQuery asked;
  MINNOW_RETURN_IF_ERROR(ReadCommon(JsonImageFields(body), asked));
  return asked;
}

Result<OpenAiQuery> ReadEdit(const std::vector<http::FormPart>& parts) {
  OpenAiQuery asked;
  ImageJobRequest& job = asked.query.job;
  job.mask_is_transparency = true;
  job.masked_strength = kMaskedStrength;
  size_t images = 0;
  for (const http::FormPart& part : parts) {
    if (part.is_blank()) continue;
    if (part.name == "image" || part.name == "image[]") {
      if (++images > 1) return Refused("image: several, limit 1: the model changes one image");
      MINNOW_ASSIGN_OR_RETURN(job.image_file, ReadImageFile(part.contents, "image"));
    } else if (part.name == "mask") {
      MINNOW_ASSIGN_OR_RETURN(job.mask_file, ReadImageFile(part.contents, "mask"));
    }
  }
  if (images == 0) return Refused("image: missing");
  MINNOW_RETURN_IF_ERROR(ReadCommon(FormImageFields(parts), asked));
  return asked;
}

std::string SizeOf(const ImageSettings& settings) {
  return std::to_string(settings.width) + "x" + std::to_string(settings.height);
}

void Put(JsonWriter& json, std::string_view name, std::string_view text) {
  json.Key(name);
  json.String(text);
}
void PutUint(JsonWriter& json, std::string_view name, uint64_t number) {
  json.Key(name);
  json.Uint(number);
}

// In tokens of the prompt; of pictures there are none.
void PutUsage(const Call& call, const ImageAnswer& answer, JsonWriter& json) {
  const Encoding prompt = call.model().tokenizer()->Encode(answer.settings.prompt, {});
  const size_t tokens = prompt.ids.size();
  json.Key("usage");
  json.BeginObject();
  PutUint(json, "input_tokens", tokens);
  PutUint(json, "output_tokens", 0);
  PutUint(json, "total_tokens", tokens);
  json.Key("input_tokens_details");
  json.BeginObject();
  PutUint(json, "text_tokens", tokens);
  PutUint(json, "image_tokens", 0);
  json.EndObject();
  json.EndObject();
}

// What OpenAI does not have, of all pictures.
void PutOurs(const Call& call, const ImageAnswer& answer, JsonWriter& json) {
  Put(json, "model", call.facts().model_id);
  PutUint(json, "steps", answer.steps);
  PutUint(json, "dropped_tokens", answer.dropped_tokens);
  PutUint(json, "dropped_negative_tokens", answer.dropped_negative_tokens);
}

void WriteWhole(Call& call, const OpenAiShape& shape, const ImageAnswer& answer) {
  http::Response response;
  response.content_type = "application/json";
  response.codable = false;  // base64 of what is compressed already
  JsonWriter json(&response.body);
  json.BeginObject();
  json.Key("created");
  json.Int(std::time(nullptr));
  json.Key("data");
  json.BeginArray();
  for (size_t i = 0; i < answer.images.size(); ++i) {
    const auto text = EncodePictureBase64(answer, i, call.facts().model_id, shape.format);
    if (!text.ok()) return call.Fail(ToFailure(text.error()));
    json.BeginObject();
    Put(json, "b64_json", *text);
    PutUint(json, "seed", answer.settings.seeds[i]);
    json.EndObject();
  }
  json.EndArray();
  Put(json, "output_format", FormatName(shape.format.format));
  Put(json, "size", SizeOf(answer.settings));
  Put(json, "quality", shape.quality);
  Put(json, "background", shape.background);
  PutUsage(call, answer, json);
  PutOurs(call, answer, json);
  json.EndObject();
  response.headers = ImageHeaders(answer, CountImages(call, answer));
  call.Finish(std::move(response));
}

class OpenAiEvents : public ImageEvents {
 public:
  // prefix: of the events' names.
  OpenAiEvents(OpenAiShape shape, std::string prefix)
      : shape_(std::move(shape)), prefix_(std::move(prefix)) {}

  void WriteProgress(const Call&, const ImageProgress& progress, std::string& out) override {
    if (!progress.preview) return;
    const Image image =
        Resize(*progress.preview, progress.width, progress.height, ResizeFilter::kBicubic);
    const auto text = EncodeBase64(image, shape_.format);
    if (!text.ok()) return;  // the picture itself will tell
    std::string data;
    JsonWriter json(&data);
    Begin("partial_image", *text,
          std::to_string(progress.width) + "x" + std::to_string(progress.height), json);
    PutUint(json, "partial_image_index", partial_images_++);
    json.EndObject();
    Append("partial_image", data, out);
  }

  Status WriteEnd(const Call& call, const ImageAnswer& answer, std::string& out) override {
    MINNOW_ASSIGN_OR_RETURN(const std::string text,
                            EncodePictureBase64(answer, 0, call.facts().model_id, shape_.format));
    std::string data;
    JsonWriter json(&data);
    Begin("completed", text, SizeOf(answer.settings), json);
    PutUsage(call, answer, json);
    PutUint(json, "seed", answer.settings.seeds.front());
    PutOurs(call, answer, json);
    json.EndObject();
    Append("completed", data, out);
    return {};
  }

 private:
  void Begin(const char* event, std::string_view picture, const std::string& size,
             JsonWriter& json) const {
    json.BeginObject();
    Put(json, "type", prefix_ + event);
    Put(json, "b64_json", picture);
    json.Key("created_at");
    json.Int(std::time(nullptr));
    Put(json, "size", size);
    Put(json, "quality", shape_.quality);
    Put(json, "background", shape_.background);
    Put(json, "output_format", FormatName(shape_.format.format));
  }
  void Append(const char* event, const std::string& data, std::string& out) const {
    out += "event: " + prefix_ + event + "\ndata: " + data + "\n\n";
  }

  const OpenAiShape shape_;
  const std::string prefix_;
  uint64_t partial_images_ = 0;
};

void Answer(Call& call, Result<OpenAiQuery> asked, const char* prefix) {
  if (!asked.ok()) return call.Fail(ToFailure(std::move(asked).error(), kOpenAiNames));
  if (asked->stream) {
    return StreamImages(call, std::move(asked->query),
                        std::make_unique<OpenAiEvents>(std::move(asked->shape), prefix));
  }
  SubmitImages(call, std::move(asked->query),
               [shape = std::move(asked->shape)](Call& c, const ImageAnswer& answer) {
                 WriteWhole(c, shape, answer);
               });
}

void HandleGenerations(const ApiContext* context, http::Request request,
                       http::Responder responder) {
  auto call =
      std::make_shared<Call>(context, Family::kOpenAi, std::move(request), std::move(responder));
  Call::Begin(std::move(call), [](Call& c) {
    const auto document = c.Parse();
    if (!document.has_value()) return;
    Answer(c, ReadGeneration(document->root()), "image_generation.");
  });
}

void HandleEdits(const ApiContext* context, http::Request request, http::Responder responder) {
  auto call =
      std::make_shared<Call>(context, Family::kOpenAi, std::move(request), std::move(responder));
  Call::Begin(std::move(call), [](Call& c) {
    const auto parts = http::ReadForm(c.request().FindHeader("Content-Type"), c.request().body);
    if (!parts.ok()) return c.Fail({Fault::kMalformedJson, parts.error().message});
    Result<OpenAiQuery> asked = ReadEdit(*parts);
    c.DropBody();
    Answer(c, std::move(asked), "image_edit.");
  });
}

}  // namespace

void AddOpenAiImageRoutes(const ApiContext* context, http::Router& router) {
  for (const std::string prefix : {"/v1", "/openai/v1"}) {
    router.Add(
        "POST", prefix + "/images/generations",
        [context](http::Request request, http::Responder responder) {
          HandleGenerations(context, std::move(request), std::move(responder));
        },
        ImageRouteOptions(*context));
    router.Add(
        "POST", prefix + "/images/edits",
        [context](http::Request request, http::Responder responder) {
          HandleEdits(context, std::move(request), std::move(responder));
        },
        ImageRouteOptions(*context));
  }
}

}  // namespace minnow::api
