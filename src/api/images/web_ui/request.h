// SPDX-License-Identifier: Apache-2.0
// The bodies of POST /sdapi/v1/txt2img and /sdapi/v1/img2img, as clients of the A1111 web UI write
// them. What would change the picture and is not supported is refused by its name; fields that are
// not known are ignored, as there. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/images/image_call.h"
#include "api/images/picture_body.h"
#include "api/images/web_ui/samplers.h"
#include "base/result.h"
#include "formats/json.h"
#include "tasks/image/inpaint.h"
#include "tasks/image/job.h"

namespace minnow::api {

struct WebUiQuery {
  // Pictures in all.
  static constexpr int64_t kMostPictures = 64;

  ImageJobRequest job;  // of one round; its seeds are left out
  InpaintOptions inpaint;
  size_t batch = 1;   // pictures of a round
  size_t rounds = 1;  // one after the other
  uint64_t seed = 0;  // of the first picture; each further one has the next
  WebUiSampling sampling{};
  bool clip_skip_by_settings = false;
  std::string model;  // empty: the first that makes pictures
  bool send_images = true;
  PictureFormat format;
  std::string echo;                   // "parameters" of the answer, a JSON object
  std::vector<std::string> warnings;  // of what is read otherwise than the web UI reads it

  bool from_image() const { return !job.image_file.empty(); }
};

// kNotFound: no such sampler, no image to begin with.
Result<WebUiQuery> ReadTextToImage(const JsonView& body);
Result<WebUiQuery> ReadImageToImage(const JsonView& body);

// Base64, or a data URL of it, to bytes; white space is skipped.
Result<std::string> ReadBase64File(const JsonView& value);

// ImageRequest's fields, as the request calls them.
ImageFieldNames WebUiNames(const WebUiQuery& query);

}  // namespace minnow::api
