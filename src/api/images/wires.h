// SPDX-License-Identifier: Apache-2.0
// The families of clients that ask for pictures, each with its routes.
#pragma once

#include "api/routes.h"
#include "http/router.h"

namespace minnow::api {

// POST /v1/images/generations, /v1/images/edits.
// https://platform.openai.com/docs/api-reference/images
void AddOpenAiImageRoutes(const ApiContext* context, http::Router& router);
// POST /superlabs_diffusion/v1/img2img: a form with message_json and file.
void AddImg2ImgRoutes(const ApiContext* context, http::Router& router);

}  // namespace minnow::api
