// SPDX-License-Identifier: Apache-2.0
// The body of POST /sdcpp/v1/img_gen, as stable-diffusion.cpp's server reads it. What would change
// the picture and is not supported is refused by its name; fields that are not known are ignored,
// as there. Pure; thread-safe.
#pragma once

#include <string>

#include "api/images/image_call.h"
#include "api/images/picture_body.h"
#include "base/result.h"
#include "formats/json.h"
#include "tasks/image/job.h"

namespace minnow::api {

struct ImageGenerationQuery {
  static constexpr int64_t kSteps = 20;  // where nothing is said, as what follows
  static constexpr double kGuidance = 7, kStrength = 0.75;

  ImageJobRequest job;
  std::string id;     // of the job (ImageJobs::Add); may be empty
  std::string model;  // empty: the first that makes pictures
  PictureFormat format{.format = ImageFormat::kPng, .quality = 100};
  bool embed_metadata = true;  // pictures carry what they were made of
};

Result<ImageGenerationQuery> ReadImageGeneration(const JsonView& body);

// ImageRequest's fields, as this wire calls them.
ImageFieldNames GenerationNames();

}  // namespace minnow::api
