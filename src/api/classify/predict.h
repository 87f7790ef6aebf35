// SPDX-License-Identifier: Apache-2.0
// POST /predict, for the routes that lead there.
#pragma once

#include "api/routes.h"

namespace minnow::api {

// Answers one request, as text-embeddings-inference does.
void HandlePredict(const ApiContext* context, http::Request request, http::Responder responder);

}  // namespace minnow::api
