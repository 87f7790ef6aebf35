// SPDX-License-Identifier: Apache-2.0
#include "api/images/wires.h"

namespace minnow::api {

void AddImageRoutes(const ApiContext* context, http::Router& router) {
  AddOpenAiImageRoutes(context, router);
  AddImg2ImgRoutes(context, router);
  AddWebUiRoutes(context, router);
  if (context->image_jobs != nullptr) AddImageJobRoutes(context, router);
}

}  // namespace minnow::api
