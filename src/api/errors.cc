// SPDX-License-Identifier: Apache-2.0
// Faults to statuses and bodies, one table a family.
#include "api/errors.h"

#include <utility>

#include "formats/json.h"

namespace minnow::api {
namespace {

constexpr const char* kJson = "application/json";

struct TeiError {
  int status;
  const char* type;
};

TeiError TeiErrorOf(Fault fault) {
  switch (fault) {
    case Fault::kMalformedJson:
      return {400, "Validation"};
    case Fault::kInvalidField:
      return {422, "Validation"};
    case Fault::kEmptyInput:
      return {400, "Empty"};
    case Fault::kBatchTooLarge:
      return {422, "Validation"};
    case Fault::kNotFound:
      return {404, "Validation"};
    case Fault::kConflict:
      return {409, "Validation"};
    case Fault::kReadOnly:
      return {403, "Validation"};
    case Fault::kStorage:
    case Fault::kNotReady:
      return {503, "Unhealthy"};
    case Fault::kOverloaded:
      return {429, "Overloaded"};
    case Fault::kClientGone:
      return {499, "Overloaded"};
    case Fault::kNoKey:
      return {401, "Unauthorized"};
    case Fault::kInternal:
      break;
  }
  return {424, "Backend"};
}

struct OpenAiError {
  int status;
  const char* type;
  const char* code;  // null: no code
};

OpenAiError OpenAiErrorOf(Fault fault) {
  constexpr const char* kInvalid = "invalid_request_error";
  switch (fault) {
    case Fault::kMalformedJson:
    case Fault::kInvalidField:
    case Fault::kEmptyInput:
    case Fault::kBatchTooLarge:
      return {400, kInvalid, nullptr};
    case Fault::kNotFound:
      return {404, kInvalid, "model_not_found"};
    case Fault::kConflict:
      return {409, kInvalid, nullptr};
    case Fault::kReadOnly:
      return {403, kInvalid, nullptr};
    case Fault::kStorage:
      return {503, "server_error", nullptr};
    case Fault::kNotReady:
      return {503, "server_error", "not_ready"};
    case Fault::kOverloaded:
      return {429, "rate_limit_error", "overloaded"};
    case Fault::kClientGone:
      return {499, kInvalid, "client_closed_request"};
    case Fault::kNoKey:
      return {401, kInvalid, "invalid_api_key"};
    case Fault::kInternal:
      break;
  }
  return {500, "server_error", nullptr};
}

struct SearchError {
  int status;
  const char* code;
};

SearchError SearchErrorOf(Fault fault) {
  switch (fault) {
    case Fault::kMalformedJson:
    case Fault::kInvalidField:
    case Fault::kEmptyInput:
      return {400, "invalid_argument"};
    case Fault::kBatchTooLarge:
      return {413, "too_large"};
    case Fault::kNotFound:
      return {404, "not_found"};
    case Fault::kConflict:
      return {409, "conflict"};
    case Fault::kReadOnly:
      return {403, "read_only"};
    case Fault::kNotReady:
      return {503, "not_ready"};
    case Fault::kStorage:
      return {503, "storage_failed"};
    case Fault::kOverloaded:
      return {429, "overloaded"};
    case Fault::kClientGone:
      return {499, "client_left"};
    case Fault::kNoKey:
      return {401, "unauthorized"};
    case Fault::kInternal:
      break;
  }
  return {500, "internal"};
}

// The field that a message begins with: "input" of "input[3]: 600 tokens, limit 512"; "" when it
// names none.
std::string_view FieldOf(const std::string& message) {
  const size_t end = message.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  if (end == 0 || end == std::string::npos) return {};
  const bool named = message[end] == '[' || message.compare(end, 2, ": ") == 0;
  return named ? std::string_view(message).substr(0, end) : std::string_view();
}

int WriteTei(const Failure& failure, JsonWriter& json) {
  const TeiError error = TeiErrorOf(failure.fault);
  json.BeginObject();
  json.Key("error");
  json.String(failure.message);
  json.Key("error_type");
  json.String(error.type);
  json.EndObject();
  return error.status;
}

int WriteOpenAi(const Failure& failure, JsonWriter& json) {
  const OpenAiError error = OpenAiErrorOf(failure.fault);
  const auto string_or_null = [&json](std::string_view text) {
    if (text.empty()) {
      json.Null();
    } else {
      json.String(text);
    }
  };
  json.BeginObject();
  json.Key("error");
  json.BeginObject();
  json.Key("message");
  json.String(failure.message);
  json.Key("type");
  json.String(error.type);
  json.Key("param");
  string_or_null(error.status < 429 ? FieldOf(failure.message) : std::string_view());
  json.Key("code");
  string_or_null(error.code == nullptr ? "" : error.code);
  json.EndObject();
  json.EndObject();
  return error.status;
}

int WriteSearch(const Failure& failure, JsonWriter& json) {
  const SearchError error = SearchErrorOf(failure.fault);
  json.BeginObject();
  json.Key("error");
  json.BeginObject();
  json.Key("code");
  json.String(error.code);
  json.Key("message");
  json.String(failure.message);
  json.EndObject();
  json.EndObject();
  return error.status;
}

int Write(Family family, const Failure& failure, JsonWriter& json) {
  switch (family) {
    case Family::kTei:
      return WriteTei(failure, json);
    case Family::kOpenAi:
      return WriteOpenAi(failure, json);
    case Family::kSearch:
      return WriteSearch(failure, json);
    case Family::kKuberian:
      break;
  }
  json.BeginObject();
  json.Key("msg");
  json.String(failure.message);
  json.EndObject();
  return SearchErrorOf(failure.fault).status;
}

}  // namespace

Failure ToFailure(Error error) {
  Fault fault = Fault::kInternal;
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kCorrupt:
    case Code::kUnsupported:
      fault = Fault::kInvalidField;
      break;
    case Code::kNotFound:
      fault = Fault::kNotFound;
      break;
    case Code::kOverloaded:
      fault = Fault::kOverloaded;
      break;
    case Code::kDeadline:
      fault = Fault::kClientGone;
      break;
    case Code::kInternal:
      break;
  }
  return {fault, std::move(error.message)};
}

Failure ToStoreFailure(Error error, bool writing) {
  const Code code = error.code;
  Failure failure = ToFailure(std::move(error));
  // What is wrong with the file is not the request's fault.
  if (code == Code::kCorrupt) failure.fault = Fault::kInternal;
  if (code == Code::kInternal && writing) failure.fault = Fault::kStorage;
  return failure;
}

FailureKind MetricsKind(Fault fault) {
  switch (fault) {
    case Fault::kBatchTooLarge:
      return FailureKind::kBatchSize;
    case Fault::kEmptyInput:
      return FailureKind::kMissingValues;
    case Fault::kNotReady:
    case Fault::kOverloaded:
      return FailureKind::kOverloaded;
    case Fault::kClientGone:
      return FailureKind::kDropped;
    case Fault::kStorage:
    case Fault::kInternal:
      return FailureKind::kInference;
    default:
      return FailureKind::kValidation;
  }
}

http::Response ErrorResponse(Family family, const Failure& failure) {
  http::Response response;
  response.content_type = kJson;
  JsonWriter json(&response.body);
  response.status = Write(family, failure, json);
  if (failure.fault == Fault::kOverloaded || failure.fault == Fault::kNotReady) {
    response.headers.push_back({"Retry-After", "1"});
  }
  return response;
}

http::Response UnauthorizedResponse(std::string_view path) {
  Family family = Family::kTei;
  if (path.starts_with("/v1/")) family = Family::kOpenAi;
  if (path.starts_with("/indexes") || path.starts_with("/tasks")) family = Family::kSearch;
  return ErrorResponse(family, {Fault::kNoKey, "an API key is needed: Authorization: Bearer KEY"});
}

}  // namespace minnow::api
