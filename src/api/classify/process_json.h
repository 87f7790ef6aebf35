// SPDX-License-Identifier: Apache-2.0
// What FastAPI answers to a body of POST /process that is not {"text": "..."}.
#pragma once

#include <optional>
#include <string_view>

#include "http/message.h"

namespace minnow::api {

// Status 422 with the list of faults, in the words of pydantic 2, which clients of the service may
// compare; nullopt: the body is good. Any thread.
std::optional<http::Response> FindProcessFault(std::string_view body);

}  // namespace minnow::api
