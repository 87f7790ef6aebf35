// SPDX-License-Identifier: Apache-2.0
// The web UI's settings, of a request ("override_settings") or of /sdapi/v1/options. Pure;
// thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "formats/json.h"
#include "image/read.h"

namespace minnow::api {

struct WebUiOverrides {
  std::string model;                       // sd_model_checkpoint, as it came
  int64_t clip_skip = 0;                   // CLIP_stop_at_last_layers - 1
  ImageFormat format = ImageFormat::kPng;  // samples_format
  int64_t quality = 80;                    // jpeg_quality, of WebP too
};

// Settings that change pictures otherwise, and settings that are not known, are refused by name.
Status ReadOverrideSettings(const JsonView& settings, WebUiOverrides& overrides);

}  // namespace minnow::api
