// SPDX-License-Identifier: Apache-2.0
// What a picture was made of, as other programs read it in its file. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <string>

#include "image/parameters.h"
#include "tasks/image/request.h"

namespace minnow {

// A scheduler by the A1111 web UI's name: "DPM++ 2M Karras", "Euler a".
std::string SamplerName(const SchedulerConfig& config);

// Of the i-th picture. version: "minnow 1.2.3".
GenerationText DescribePicture(const ImageSettings& settings, size_t i, const std::string& model,
                               const std::string& version);

}  // namespace minnow
