// SPDX-License-Identifier: Apache-2.0
// Ollama: POST /api/generate, GET /api/tags and /api/version.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include "api/generate/fields.h"
#include "api/generate/generate_call.h"
#include "api/generate/wires.h"

namespace minnow::api {
namespace {

constexpr std::string_view kLatest = ":latest";
// What Ollama draws of where nothing else is said.
constexpr int32_t kTopK = 40;
constexpr double kTopP = 0.9;
constexpr std::pair<std::string_view, std::string_view> kOllamaNames[] = {
    {"max_new_tokens", "num_predict"}, {"repetition_penalty", "repeat_penalty"}};

// "2026-01-31T12:00:00.123456Z"
std::string Timestamp(std::chrono::system_clock::time_point time) {
  using std::chrono::microseconds;
  const int64_t all = std::chrono::duration_cast<microseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = all / 1'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char date[32];
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
  char text[48];
  std::snprintf(text, sizeof(text), "%s.%06dZ", date, static_cast<int>(all % 1'000'000));
  return text;
}

void BeginAnswer(const std::string& model, std::string_view response, bool done, JsonWriter& json) {
  json.BeginObject();
  Put(json, "model", model);
  Put(json, "created_at", Timestamp(std::chrono::system_clock::now()));
  Put(json, "response", response);
  json.Key("done");
  json.Bool(done);
}

class OllamaWriter : public AnswerWriter {
 public:
  explicit OllamaWriter(std::string model) : model_(std::move(model)) {}

  std::string_view stream_type() const override { return "application/x-ndjson"; }
  void WriteWhole(const Served&, const GenerateAnswer& answer, JsonWriter& json) override {
    WriteLast(answer, answer.inputs.front().sequences.front().text, json);
  }
  void WritePiece(const Served&, TextPlace, const GeneratedPiece& piece,
                  std::string& out) override {
    if (piece.text.empty()) return;
    JsonWriter json(&out);
    BeginAnswer(model_, piece.text, /*done=*/false, json);
    json.EndObject();
    out += '\n';
  }
  void WriteEnd(const Served&, const GenerateAnswer& answer, std::string& out) override {
    JsonWriter json(&out);
    WriteLast(answer, "", json);
    out += '\n';
  }
  void WriteError(Family family, const Failure& failure, std::string& out) override {
    out += ErrorBody(family, failure) + "\n";
  }

 private:
  // Durations are nanoseconds. All after the first token is the answer's.
  void WriteLast(const GenerateAnswer& answer, std::string_view response, JsonWriter& json) const {
    const auto total = std::chrono::steady_clock::now() - begin_;
    const auto later = answer.timings.a_token * (std::max<size_t>(answer.generated_tokens, 1) - 1);
    const auto count = [](std::chrono::nanoseconds time) {
      return static_cast<uint64_t>(std::max<int64_t>(time.count(), 0));
    };
    BeginAnswer(model_, response, /*done=*/true, json);
    Put(json, "done_reason", OpenAiFinish(answer.inputs.front().sequences.front().finish_reason));
    PutUint(json, "total_duration", count(total));
    PutUint(json, "load_duration", 0);
    PutUint(json, "prompt_eval_count", answer.input_tokens);
    PutUint(json, "prompt_eval_duration", count(answer.timings.first_token));
    PutUint(json, "eval_count", answer.generated_tokens);
    PutUint(json, "eval_duration", count(later));
    json.EndObject();
  }

  const std::string model_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// A seed below 0 is none.
Status ReadSeed(const JsonView& options, GenerationOptions& read) {
  const auto value = options.Find("seed");
  if (!value || value->is_null()) return {};
  MINNOW_ASSIGN_OR_RETURN(const int64_t seed, value->Int(INT64_MIN, INT64_MAX));
  if (seed >= 0) read.seed = static_cast<uint64_t>(seed);
  return {};
}

// Chance only where a temperature asks for it.
Status ReadOptions(const JsonView& options, GenerateRequest& request) {
  GenerationOptions& read = request.options;
  MINNOW_ASSIGN_OR_RETURN(const auto temperature, ReadNumber(options, "temperature"));
  const bool sample = temperature && *temperature != 0;
  if (sample) {
    read.temperature = temperature;
    MINNOW_ASSIGN_OR_RETURN(read.top_k, ReadInteger(options, "top_k", 0, INT32_MAX));
    MINNOW_ASSIGN_OR_RETURN(read.top_p, ReadNumber(options, "top_p"));
    MINNOW_ASSIGN_OR_RETURN(read.min_p, ReadNumber(options, "min_p"));
    MINNOW_ASSIGN_OR_RETURN(read.typical_p, ReadNumber(options, "typical_p"));
    if (!read.top_k) read.top_k = kTopK;
    if (!read.top_p) read.top_p = kTopP;
  }
  SetSampling(sample, read);
  MINNOW_ASSIGN_OR_RETURN(read.repetition_penalty, ReadNumber(options, "repeat_penalty"));
  MINNOW_RETURN_IF_ERROR(ReadSeed(options, read));
  // Below 0: to the end, or as far as the model goes.
  MINNOW_ASSIGN_OR_RETURN(const auto tokens,
                          ReadInteger(options, "num_predict", INT32_MIN, INT32_MAX));
  request.limits.default_max_new_tokens = request.limits.max_new_tokens;
  if (tokens && *tokens >= 0) read.max_new_tokens = tokens;
  MINNOW_ASSIGN_OR_RETURN(read.presence_penalty, ReadNumber(options, "presence_penalty"));
  MINNOW_ASSIGN_OR_RETURN(read.frequency_penalty, ReadNumber(options, "frequency_penalty"));
  return ReadStop(options, "stop", GenerateRequest::kMaxStopStrings, request.stop);
}

Result<GenerateQuery> ReadOllama(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  GenerateQuery query;
  GenerateRequest& request = query.request;
  query.names = kOllamaNames;
  query.prefix = "options.";
  request.field = "prompt";
  request.skip_special_tokens = true;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view prompt, body.GetString("prompt", ""));
  request.inputs.emplace_back(std::string(prompt));
  MINNOW_ASSIGN_OR_RETURN(query.stream, body.GetBool("stream", true));
  for (const char* name : {"suffix", "system", "template", "format", "images", "context", "think"})
    MINNOW_RETURN_IF_ERROR(Refuse(body, name, "not supported: the model reads a prompt alone"));
  MINNOW_ASSIGN_OR_RETURN(const JsonView options, ReadObject(body, "options"));
  MINNOW_RETURN_IF_ERROR(ReadOptions(options, request));
  query.writer = std::make_unique<OllamaWriter>(query.model);
  return query;
}

// Without a prompt a client only wants the model loaded, which it is.
void AnswerLoaded(Call& call, const GenerateQuery& query) {
  if (!call.UseModel(query.model, TaskKind::kGenerate)) return;
  http::Response response;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  BeginAnswer(query.model, "", /*done=*/true, json);
  Put(json, "done_reason", "load");
  json.EndObject();
  call.Finish(std::move(response));
}

void Generate(Call& call) {
  const auto document = call.Parse();
  if (!document.has_value()) return;
  Result<GenerateQuery> query = ReadOllama(document->root());
  if (!query.ok()) return call.Fail(ToFailure(std::move(query).error()));
  // Ollama's clients know each model with a tag.
  if (query->model.ends_with(kLatest) && !call.context().models->FindByName(query->model).ok())
    query->model.resize(query->model.size() - kLatest.size());
  if (std::get<std::string>(query->request.inputs.front()).empty())
    return AnswerLoaded(call, *query);
  SubmitGenerate(call, std::move(query).value());
}

http::Response ListTags(const ModelRegistry& models) {
  http::Response response;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  json.BeginObject();
  json.Key("models");
  json.BeginArray();
  for (const ModelLease& model : models.List()) {
    const ModelFacts& facts = model->facts();
    if (facts.task != TaskKind::kGenerate) continue;
    json.BeginObject();
    Put(json, "name", facts.model_id);
    Put(json, "model", facts.model_id);
    Put(json, "modified_at",
        Timestamp(std::chrono::system_clock::from_time_t(facts.loaded_unix_seconds)));
    PutUint(json, "size", 0);
    Put(json, "digest", "");
    json.Key("details");
    json.BeginObject();
    Put(json, "family", "t5");
    Put(json, "quantization_level", facts.dtype);
    json.EndObject();
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return response;
}

}  // namespace

void AddOllamaRoutes(const ApiContext* context, http::Router& router) {
  router.Add("POST", "/api/generate", [context](http::Request request, http::Responder responder) {
    auto call =
        std::make_shared<Call>(context, Family::kOllama, std::move(request), std::move(responder));
    Call::Begin(std::move(call), Generate);
  });
  router.Add("GET", "/api/tags", [context](http::Request, http::Responder responder) {
    responder.Send(ListTags(*context->models));
  });
  router.Add("GET", "/api/version", [](http::Request, http::Responder responder) {
    http::Response response;
    response.content_type = "application/json";
    response.body = R"({"version":")" MINNOW_VERSION R"("})";
    responder.Send(std::move(response));
  });
}

}  // namespace minnow::api
