// SPDX-License-Identifier: Apache-2.0
#include "api/images/wires.h"

namespace minnow::api {

void AddImageRoutes(const ApiContext* context, http::Router& router) {
  AddOpenAiImageRoutes(context, router);
  AddImg2ImgRoutes(context, router);
}

}  // namespace minnow::api
