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
// The A1111 web UI's: POST /sdapi/v1/txt2img, img2img, interrupt, skip, options, png-info; GET
// progress, samplers, schedulers, sd-models, options, memory, and what else its clients look for.
// https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API
void AddWebUiRoutes(const ApiContext* context, http::Router& router);
// stable-diffusion.cpp's jobs: POST /sdcpp/v1/img_gen, GET /sdcpp/v1/jobs/{id}, /events of it, POST
// /cancel, GET /sdcpp/v1/capabilities. REQUIRES: context->image_jobs is set.
void AddImageJobRoutes(const ApiContext* context, http::Router& router);

}  // namespace minnow::api
