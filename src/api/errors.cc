// SPDX-License-Identifier: Apache-2.0
// Faults to statuses and bodies, one table a family.
#include "api/errors.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "formats/json.h"
#include "http/url.h"

namespace minnow::api {
namespace {

// What a family says of a fault.
struct ErrorKind {
  int status;
  const char* type;            // TEI's error_type, OpenAI's type, the search's code
  const char* code = nullptr;  // OpenAI's; null: none
};

struct FaultRow {
  Fault fault;
  ErrorKind tei;
  ErrorKind openai;  // and Cohere's and FastAPI's
  ErrorKind search;  // and Kuberian's
};

constexpr int kFieldsStatus = 422;  // FastAPI's, of what is wrong with a request
constexpr const char* kInvalid = "invalid_request_error";
constexpr FaultRow kFaults[] = {
    {Fault::kMalformedJson, {400, "Validation"}, {400, kInvalid}, {400, "invalid_argument"}},
    {Fault::kInvalidField, {422, "Validation"}, {400, kInvalid}, {400, "invalid_argument"}},
    {Fault::kEmptyInput, {400, "Empty"}, {400, kInvalid}, {400, "invalid_argument"}},
    {Fault::kBatchTooLarge, {422, "Validation"}, {400, kInvalid}, {413, "too_large"}},
    {Fault::kNotFound, {404, "Validation"}, {404, kInvalid, "model_not_found"}, {404, "not_found"}},
    {Fault::kWrongTask,
     {424, "Backend"},
     {400, kInvalid, "wrong_model_type"},
     {409, "wrong_model"}},
    {Fault::kNoTokenizer,
     {422, "Tokenizer"},
     {422, kInvalid, "no_tokenizer"},
     {409, "wrong_model"}},
    {Fault::kConflict, {409, "Validation"}, {409, kInvalid}, {409, "conflict"}},
    {Fault::kReadOnly, {403, "Validation"}, {403, kInvalid}, {403, "read_only"}},
    {Fault::kNotReady, {503, "Unhealthy"}, {503, "server_error", "not_ready"}, {503, "not_ready"}},
    {Fault::kStorage, {503, "Unhealthy"}, {503, "server_error"}, {503, "storage_failed"}},
    {Fault::kOverloaded,
     {429, "Overloaded"},
     {429, "rate_limit_error", "overloaded"},
     {429, "overloaded"}},
    {Fault::kClientGone,
     {499, "Overloaded"},
     {499, kInvalid, "client_closed_request"},
     {499, "client_left"}},
    {Fault::kNoKey,
     {401, "Unauthorized"},
     {401, kInvalid, "invalid_api_key"},
     {401, "unauthorized"}},
    {Fault::kInternal, {424, "Backend"}, {500, "server_error"}, {500, "internal"}},
};

// text-generation-inference's name for what a status says.
const char* TgiType(int status) {
  if (status == 429) return "overloaded";
  if (status == 503) return "unhealthy";
  return status == 424 || status >= 500 ? "generation" : "validation";
}

ErrorKind KindOf(Family family, Fault fault) {
  const FaultRow* row = kFaults;
  while (row->fault != fault && row + 1 != std::end(kFaults)) ++row;
  if (family == Family::kTei || family == Family::kOllama || family == Family::kWebUi)
    return row->tei;
  if (family == Family::kTgi) return {row->tei.status, TgiType(row->tei.status)};
  if (family == Family::kFastApiList) {
    const bool of_fields = row->openai.status == 400;
    return {of_fields ? kFieldsStatus : row->openai.status, "value_error"};
  }
  return family == Family::kSearch || family == Family::kKuberian ? row->search : row->openai;
}

// The fault that is nearest to a status of the HTTP server's.
Fault FaultOf(int status) {
  switch (status) {
    case 401:
      return Fault::kNoKey;
    case 413:
    case 431:
      return Fault::kBatchTooLarge;
    case 429:
      return Fault::kOverloaded;
    case 503:
      return Fault::kNotReady;
    default:
      return status >= 500 ? Fault::kInternal : Fault::kMalformedJson;
  }
}

// "Method Not Allowed" -> "method_not_allowed".
std::string CodeOf(int status) {
  std::string code(http::ReasonPhrase(status));
  for (char& c : code) c = c == ' ' ? '_' : static_cast<char>(c | 0x20);
  return code;
}

// The field that a message begins with: "input" of "input[3]: 600 tokens, limit 512"; "" when it
// names none.
std::string_view FieldOf(const std::string& message) {
  const size_t end = message.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  if (end == 0 || end == std::string::npos) return {};
  const bool named = message[end] == '[' || message.compare(end, 2, ": ") == 0;
  return named ? std::string_view(message).substr(0, end) : std::string_view();
}

// {"loc": ["body", "options", "steps"], "msg": "...", "type": "..."} of "options.steps: ...".
void WriteFieldError(const ErrorKind& kind, std::string_view message, JsonWriter& json) {
  json.BeginArray();
  json.BeginObject();
  json.Key("loc");
  json.BeginArray();
  json.String("body");
  const size_t end = message.find(": ");
  std::string_view path = message.substr(0, end == std::string_view::npos ? 0 : end);
  if (path.find(' ') != std::string_view::npos) path = {};
  while (!path.empty()) {
    const size_t dot = std::min(path.find('.'), path.size());
    json.String(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  json.EndArray();
  json.Key("msg");
  json.String(message);
  json.Key("type");
  json.String(kind.type);
  json.EndObject();
  json.EndArray();
}

http::Response Write(Family family, const ErrorKind& kind, const std::string& message,
                     std::string_view param, std::chrono::seconds retry_after) {
  http::Response response;
  response.status = kind.status;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  const auto field = [&json](const char* name, std::string_view text) {
    json.Key(name);
    json.String(text);
  };
  const auto field_or_null = [&](const char* name, std::string_view text) {
    if (!text.empty()) return field(name, text);
    json.Key(name);
    json.Null();
  };
  json.BeginObject();
  if (family == Family::kTei || family == Family::kTgi) {
    field("error", message);
    field("error_type", kind.type);
  } else if (family == Family::kOllama) {
    field("error", message);
  } else if (family == Family::kWebUi) {
    field("error", kind.status >= 500 ? "RuntimeError" : "HTTPException");
    field("detail", message);
    field("body", "");
    field("errors", std::to_string(kind.status) + ": " + message);
  } else if (family == Family::kKuberian) {
    field("msg", message);
  } else if (family == Family::kCohere) {
    field("message", message);
  } else if (family == Family::kFastApiList && kind.status == kFieldsStatus) {
    json.Key("detail");
    WriteFieldError(kind, message, json);
  } else if (family == Family::kFastApi || family == Family::kFastApiList) {
    field("detail", message);
  } else {
    json.Key("error");
    json.BeginObject();
    if (family == Family::kOpenAi) {
      field("message", message);
      field("type", kind.type);
      field_or_null("param", param);
      field_or_null("code", kind.code == nullptr ? "" : kind.code);
    } else {
      field("code", kind.type);
      field("message", message);
    }
    json.EndObject();
  }
  json.EndObject();
  if (kind.status == 429 || kind.status == 503) {
    response.headers.push_back({"Retry-After", std::to_string(retry_after.count())});
  }
  return response;
}

// The family whose clients ask at that path.
Family FamilyOf(std::string_view path) {
  if (path.starts_with("/v2/models/")) return Family::kOllama;
  constexpr std::pair<std::string_view, Family> kFamilies[] = {
      {"/v1", Family::kOpenAi},       {"/embeddings", Family::kOpenAi},
      {"/indexes", Family::kSearch},  {"/tasks", Family::kSearch},
      {"/q", Family::kKuberian},      {"/dirs", Family::kKuberian},
      {"/docs", Family::kKuberian},   {"/v2", Family::kCohere},
      {"/process", Family::kFastApi}, {"/openai", Family::kOpenAi},
      {"/generate", Family::kTgi},    {"/generate_stream", Family::kTgi},
      {"/api", Family::kOllama},      {"/superlabs_diffusion", Family::kFastApiList},
      {"/sdapi", Family::kWebUi},     {"/sdcpp", Family::kOllama}};
  const std::string_view first = path.substr(0, path.find('/', 1));
  for (const auto& [name, family] : kFamilies) {
    if (first == name) return family;
  }
  return Family::kTei;
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
    case Fault::kWrongTask:
      return FailureKind::kModelType;
    case Fault::kNoTokenizer:
      return FailureKind::kTokenization;
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
  const ErrorKind kind = KindOf(family, failure.fault);
  return Write(family, kind, failure.message,
               kind.status < 429 ? FieldOf(failure.message) : std::string_view(),
               failure.retry_after);
}

std::string ErrorBody(Family family, const Failure& failure) {
  return ErrorResponse(family, failure).body;
}

http::Response RefusalResponse(std::string_view path, int status, std::string_view detail) {
  if (path.starts_with("/assets/") || path == "/favicon.ico") {
    return http::PlainRefusal(path, status, detail);
  }
  const Family family = FamilyOf(path.empty() ? "/" : http::NormalPath(path));
  const Fault fault = FaultOf(status);
  ErrorKind kind = KindOf(family, fault);
  kind.status = status;
  const std::string code = CodeOf(status);
  if (family == Family::kSearch && fault == Fault::kMalformedJson && status != 400) {
    kind.type = code.c_str();
  }
  return Write(family, kind, std::string(detail.empty() ? http::ReasonPhrase(status) : detail), {},
               std::chrono::seconds(1));
}

}  // namespace minnow::api
