// SPDX-License-Identifier: Apache-2.0
// Failure: why a request gets no result; and each API family's answer to it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "serving/metrics.h"

namespace minnow::api {

enum class Fault {
  kMalformedJson,  // the body is no JSON text
  kInvalidField,   // a field is missing, of the wrong type, out of range or too long
  kEmptyInput,     // there is nothing to compute
  kBatchTooLarge,  // more inputs than a request may have
  kNotFound,       // a model, an index, a document, a task
  kWrongTask,      // the model does something else
  kNoTokenizer,    // a text for a model that takes token ids only
  kConflict,       // a thing of that name exists
  kReadOnly,       // the store may not be written to
  kNotReady,       // loading, draining, or the model could not be loaded
  kOverloaded,
  kClientGone,
  kNoKey,    // no API key, or a wrong one
  kStorage,  // the store could not be written: a full disk, a failed one
  kInternal,
};

struct Failure {
  Fault fault = Fault::kInternal;
  std::string message;
  std::chrono::seconds retry_after{1};  // of kOverloaded and kNotReady
};

// What a task's or a validation's error means to the client.
Failure ToFailure(Error error);
// The same for what a store says; `writing`: it was to change.
Failure ToStoreFailure(Error error, bool writing);
FailureKind MetricsKind(Fault fault);

enum class Family {
  kTei,
  kTgi,
  kOpenAi,
  kSearch,
  kKuberian,
  kCohere,
  kFastApi,
  kFastApiList,
  kOllama,
  kWebUi
};

// The one place where faults become statuses and bodies.
//   TEI:    {"error":"...","error_type":"Validation"}
//   OpenAI: {"error":{"message":"...","type":"...","param":null,"code":null}}
//   search: {"error":{"code":"...","message":"..."}}
//   Kuberian: {"msg":"..."}
//   Cohere: {"message":"..."}
//   FastAPI: {"detail":"..."}
//   FastAPI's of fields, 422:
//     {"detail":[{"loc":["body","options","steps"],"msg":"...","type":"..."}]}
//   TGI: as TEI, {"error":"...","error_type":"validation"}
//   Ollama, KServe, stable-diffusion.cpp: {"error":"..."}
//   A1111's web UI: {"error":"...","detail":"...","body":"","errors":"..."}
http::Response ErrorResponse(Family family, const Failure& failure);
// The body of it: what a stream that has begun ends with.
std::string ErrorBody(Family family, const Failure& failure);

// An http::RefusalWriter: JSON in the shape of the family that the path belongs to, plain text for
// the page's files.
http::Response RefusalResponse(std::string_view path, int status, std::string_view detail);

}  // namespace minnow::api
