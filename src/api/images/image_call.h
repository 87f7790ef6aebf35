// SPDX-License-Identifier: Apache-2.0
// A request of any route that makes pictures: checked, run by a model, answered at once or in
// events.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/call.h"
#include "api/images/fields.h"
#include "tasks/image/job.h"

namespace minnow::api {

// What fields of ImageRequest are called on a wire, for messages: {"guidance", "guidance_scale"}.
using ImageFieldNames = std::span<const std::pair<std::string_view, std::string_view>>;

struct ImageQuery {
  ImageJobRequest job;  // the server's limits come to it
  std::string model;    // empty: the first that makes pictures
  ImageFieldNames names = {};
};

// Of one file of a request.
inline constexpr size_t kMaxImageFileBytes = 50'000'000;
// Events that a slow client has not read yet: some pictures.
inline constexpr size_t kMaxImageStreamBytes = size_t{128} << 20;

// The route's own limits: bodies hold pictures, and so do streams.
http::RouteOptions ImageRouteOptions(const ApiContext& context);

// Settings that routes have in common, under these names: seed, steps, negative_prompt,
// guidance_scale, strength, scheduler, eta, clip_skip.
Status ReadImageSettings(const ImageFields& fields, ImageJobRequest& job);
// "512x384"; "auto" and "" leave both sides open. The message names "size".
Status ReadImageSize(std::string_view text, ImageRequest& request);
// The bytes of an image file; the message names `field`.
Result<std::string> ReadImageFile(std::string_view bytes, std::string_view field);

// The error with the field's name as the wire has it.
Failure ToFailure(Error error, ImageFieldNames names);

// Runs the query; `write`, not on the I/O thread, answers the call. Where it cannot, the call is
// answered.
using WriteImages = std::function<void(Call& call, const ImageAnswer& answer)>;
void SubmitImages(Call& call, ImageQuery query, WriteImages write);

// Events of a stream; each appends to `out`. On one thread at a time.
class ImageEvents {
 public:
  ImageEvents() = default;
  ImageEvents(const ImageEvents&) = delete;
  ImageEvents& operator=(const ImageEvents&) = delete;
  virtual ~ImageEvents() = default;

  virtual void WriteProgress(const Call& call, const ImageProgress& progress, std::string& out) = 0;
  virtual Status WriteEnd(const Call& call, const ImageAnswer& answer, std::string& out) = 0;
  virtual void WriteError(const Call& call, const Failure& failure, std::string& out);
};
// Nothing is sent before the first event: what fails until then has an ordinary answer.
void StreamImages(Call& call, ImageQuery query, std::unique_ptr<ImageEvents> events);

// Counts a request that was answered. Returns the time since it came.
std::chrono::nanoseconds CountImages(const Call& call, const ImageAnswer& answer);
// What was used: X-Seed, X-Image-Size, X-Steps, and where the time went.
std::vector<http::Header> ImageHeaders(const ImageAnswer& answer, std::chrono::nanoseconds total);

}  // namespace minnow::api
