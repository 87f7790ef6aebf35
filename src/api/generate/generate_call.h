// SPDX-License-Identifier: Apache-2.0
// A request of any route that generates text: checked, run by a model, answered at once or in
// pieces.
#pragma once

#include <chrono>
#include <string>

#include "api/call.h"
#include "api/generate/answer_writer.h"

namespace minnow::api {

// Answers the call. REQUIRES: query.writer is set.
void SubmitGenerate(Call& call, GenerateQuery query);

// Reads the body and answers one request.
void HandleGenerate(const ApiContext* context, Family errors,
                    Result<GenerateQuery> (*read)(const JsonView& body), http::Request request,
                    http::Responder responder);

// Counts a request that was answered. Returns the time since it came.
std::chrono::nanoseconds CountGenerated(const Call& call, const GenerateQuery& query,
                                        const GenerateAnswer& answer);

// The error with the field's name as the query's wire has it.
Failure ToFailure(Error error, const GenerateQuery& query);

}  // namespace minnow::api
