// SPDX-License-Identifier: Apache-2.0
// The parts of the documents API; AddSearchRoutes (api/routes.h) adds them all.
#pragma once

#include "api/routes.h"

namespace minnow::api {

// /indexes, /indexes/{index}, /tasks, /tasks/{task}
void AddIndexRoutes(const ApiContext* context, http::Router& router);
// /indexes/{index}/documents, .../documents/{id}, .../documents/delete
void AddDocumentRoutes(const ApiContext* context, http::Router& router);
// /indexes/{index}/search, /indexes/{index}/similar
void AddQueryRoutes(const ApiContext* context, http::Router& router);

}  // namespace minnow::api
