// SPDX-License-Identifier: Apache-2.0
// What a model that generates text answers on POST /models/{name} and POST /.
#pragma once

#include <string>
#include <string_view>

#include "api/call.h"
#include "formats/json.h"

namespace minnow::api {

// In the shape of Hugging Face's inference; where the body has "stream" or "details",
// in that of text-generation-inference, whose clients post to the same path. `task`: as the path
// says it. REQUIRES: UseModel succeeded with that name, and the model generates text.
void SubmitText(Call& call, const JsonView& body, const std::string& name,
                std::string_view task = {});

// POST / where the first model generates text: of that one, or the one that the body names.
void HandleTextRoot(const ApiContext* context, http::Request request, http::Responder responder);

}  // namespace minnow::api
