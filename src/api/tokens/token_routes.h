// SPDX-License-Identifier: Apache-2.0
// What models with a head over each token answer on POST /models/{name}.
#pragma once

#include <string>

#include "api/call.h"
#include "formats/json.h"

namespace minnow::api {

// False: the call's model is no such model, and the call goes on. True: it is, and the call is
// answered in the shape of Hugging Face's inference. REQUIRES: UseModel succeeded with that name;
// `body`: the request's, parsed.
bool SubmitToTokenModel(Call& call, const JsonView& body, const std::string& name);
// The half of it for models that answer questions.
void SubmitHuggingFaceAnswers(Call& call, const JsonView& body, const std::string& name);

// POST /v1/token-classify: answers one request.
void HandleTokenClassify(const ApiContext* context, http::Request request,
                         http::Responder responder);

}  // namespace minnow::api
