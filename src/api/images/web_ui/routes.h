// SPDX-License-Identifier: Apache-2.0
// The routes of the A1111 web UI.
#pragma once

#include <cstddef>

#include "api/routes.h"

namespace minnow::api {

// Of a request that holds pictures: an image and its mask of 50 MiB each, in base64.
inline constexpr size_t kMostImageBodyBytes = size_t{140} << 20;

// POST /sdapi/v1/txt2img, img2img, interrupt, skip, options, png-info; GET progress, samplers,
// schedulers, sd-models, options, memory and what else its clients look for.
void AddWebUiRoutes(const ApiContext* context, http::Router& router);

}  // namespace minnow::api
