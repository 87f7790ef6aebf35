// SPDX-License-Identifier: Apache-2.0
#include "api/images/image_call.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "api/images/image_stream.h"
#include "api/inference_call.h"

namespace minnow::api {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

std::string Milliseconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// Of a request, by its name in messages.
bool IsSetting(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "width",     "height", "images", "seed",   "steps",     "eta",  "strength",       "guidance",
      "clip_skip", "image",  "mask",   "prompt", "scheduler", "size", "negative_prompt"};
  return std::ranges::count(kNames, name) != 0;
}

// Takes the model, completes the job, and counts it. False: the call is answered.
bool Begin(Call& call, ImageQuery& query) {
  if (!call.UseModel(query.model, TaskKind::kImage)) return false;
  query.job.limits.max_pixels = call.context().options.max_image_pixels;
  // What is beyond the limit is refused later.
  const auto pictures =
      std::clamp<int64_t>(query.job.request.images, 1, query.job.limits.max_images);
  CountTaken(call, TaskKind::kImage, static_cast<size_t>(pictures), /*batch=*/pictures > 1);
  return true;
}

}  // namespace

http::RouteOptions ImageRouteOptions(const ApiContext& context) {
  http::RouteOptions options;
  options.body_limit_bytes = context.options.max_image_bytes;
  options.body_limit_flag = "--image-payload-limit";
  options.stream_limit_bytes = kMaxImageStreamBytes;
  return options;
}

Status ReadImageSettings(const ImageFields& fields, ImageJobRequest& job) {
  ImageRequest& request = job.request;
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Text("negative_prompt"), request.negative_prompt));
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Integer("steps", 1, kMost), request.steps));
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Number("guidance_scale"), request.guidance));
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Text("scheduler"), request.scheduler));
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Number("eta"), request.eta));
  MINNOW_RETURN_IF_ERROR(SetIfThere(fields.Integer("clip_skip", 0, kMost), request.clip_skip));
  MINNOW_ASSIGN_OR_RETURN(const auto strength, fields.Number("strength"));
  if (strength) {
    request.strength = *strength;
    job.masked_strength = std::nullopt;
  }
  MINNOW_ASSIGN_OR_RETURN(const auto seed, fields.Seed());
  if (seed) request.seeds = {*seed};
  return {};
}

Status ReadImageSize(std::string_view text, ImageRequest& request) {
  if (text.empty() || text == "auto") return {};
  const char* const end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, request.width);
  if (width.ec == std::errc() && width.ptr != end && *width.ptr == 'x') {
    const auto height = std::from_chars(width.ptr + 1, end, request.height);
    if (height.ec == std::errc() && height.ptr == end && request.width > 0 && request.height > 0)
      return {};
  }
  return Error{Code::kInvalidArgument,
               "size: expected WIDTHxHEIGHT or auto, got " + QuoteForMessage(text)};
}

Result<std::string> ReadImageFile(std::string_view bytes, std::string_view field) {
  const auto wrong = [&](const std::string& what) {
    return Error{Code::kInvalidArgument, std::string(field) + ": " + what};
  };
  if (bytes.empty()) return wrong("empty");
  if (bytes.size() > kMaxImageFileBytes) {
    return wrong(std::to_string(bytes.size()) + " bytes, limit " +
                 std::to_string(kMaxImageFileBytes));
  }
  return std::string(bytes);
}

Failure ToFailure(Error error, ImageFieldNames names) {
  const std::string name = error.message.substr(0, error.message.find_first_of(":["));
  if (IsSetting(name)) {
    for (const auto& [ours, theirs] : names) {
      if (ours == name) {
        error.message.replace(0, name.size(), theirs);
        break;
      }
    }
  }
  return ToFailure(std::move(error));
}

void SubmitImages(Call& call, ImageQuery query, WriteImages write) {
  if (!Begin(call, query)) return;
  call.model().Run(std::move(query.job), call.request().client,
                   [self = call.shared_from_this(), names = query.names,
                    write = std::move(write)](Result<ImageAnswer> result) {
                     if (!result.ok())
                       return self->Fail(ToFailure(std::move(result).error(), names));
                     const auto answer = std::make_shared<ImageAnswer>(std::move(result).value());
                     self->RunOffloadedOrInline([answer, write](Call& c) { write(c, *answer); });
                   });
}

void StreamImages(Call& call, ImageQuery query, std::unique_ptr<ImageEvents> events) {
  if (!Begin(call, query)) return;
  const auto stream =
      std::make_shared<ImageStream>(call.shared_from_this(), query.names, std::move(events));
  query.job.on_progress = [stream](ImageProgress progress) { stream->Add(std::move(progress)); };
  call.model().Run(std::move(query.job), call.request().client,
                   [stream](Result<ImageAnswer> answer) { stream->Finish(std::move(answer)); });
}

void ImageEvents::WriteError(const Call& call, const Failure& failure, std::string& out) {
  out += "event: error\ndata: " + ErrorBody(call.family(), failure) + "\n\n";
}

std::chrono::nanoseconds CountImages(const Call& call, const ImageAnswer& answer) {
  Metrics& metrics = *call.context().metrics;
  const std::chrono::nanoseconds total = std::chrono::steady_clock::now() - call.request().received;
  metrics.Observe(TaskKind::kImage, answer.timings, total);
  metrics.CountSuccess(/*batch=*/answer.images.size() > 1);
  metrics.Of(TaskKind::kImage).success.Add(answer.images.size());
  return total;
}

std::vector<http::Header> ImageHeaders(const ImageAnswer& answer, std::chrono::nanoseconds total) {
  const ImageSettings& settings = answer.settings;
  return {
      {"X-Seed", std::to_string(settings.seeds.front())},
      {"X-Image-Size", std::to_string(settings.width) + "x" + std::to_string(settings.height)},
      {"X-Steps", std::to_string(answer.steps)},
      {"X-Dropped-Tokens", std::to_string(answer.dropped_tokens + answer.dropped_negative_tokens)},
      {"X-Memory-Bytes", std::to_string(answer.memory_bytes)},
      {"X-Total-Time", Milliseconds(total)},
      {"X-Queue-Time", Milliseconds(answer.timings.queue)},
      {"X-Inference-Time", Milliseconds(answer.timings.run)},
      {"X-Time-Per-Step", Milliseconds(answer.timings.a_step)}};
}

}  // namespace minnow::api
