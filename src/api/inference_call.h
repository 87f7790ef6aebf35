// SPDX-License-Identifier: Apache-2.0
// A request of any computing route: read, check, run by a model, answer; with the timing headers
// and the metrics that all share.
//
// A Route says what differs. It lives as long as the program, and its functions are called on any
// thread:
//   using Query = ...;   // {request: {inputs, field}, model, batch}
//   using Answer = ...;  // {tokens, truncated, timings}
//   Family errors;
//   static constexpr TaskKind kTask;
//   Result<Query> (*read)(const JsonView& body);
//   size_t ApiOptions::*max_inputs;
//   std::optional<Failure> Check(Query& query, const Call& call) const;
//   bool IsLong(const Answer& answer) const;  // writing takes longer than handing it over
//   void Write(const Query& query, const Call& call, Answer answer, std::string& body) const;
#pragma once

#include <memory>
#include <utility>

#include "api/call.h"

namespace minnow::api {

// Code points of all texts.
size_t CountCharacters(const std::vector<EmbedInput>& inputs);
bool HasText(const std::vector<EmbedInput>& inputs);

uint64_t Sum(const std::vector<uint32_t>& tokens);
// OpenAI's "usage", of an answer for which nothing is generated.
void WriteUsage(uint64_t tokens, JsonWriter& json);

// Tokens of a text before and after it was cut.
struct TextTokens {
  uint64_t untruncated = 0;
  uint64_t used = 0;
};

// {"object", "data": [{"index", ITEM, "tokens", "tokens_used"}], "model", "usage"}. write_item(i)
// writes the key and the value of text i and returns its TextTokens; `total` is what "usage" says.
template <class WriteItem>
void WriteList(const ModelFacts& facts, size_t texts, uint64_t total, JsonWriter& json,
               const WriteItem& write_item) {
  json.BeginObject();
  json.Key("object");
  json.String("list");
  json.Key("data");
  json.BeginArray();
  for (size_t i = 0; i < texts; ++i) {
    json.BeginObject();
    json.Key("index");
    json.Uint(i);
    const TextTokens tokens = write_item(i);
    json.Key("tokens");
    json.Uint(tokens.untruncated);
    json.Key("tokens_used");
    json.Uint(tokens.used);
    json.EndObject();
  }
  json.EndArray();
  json.Key("model");
  json.String(facts.model_id);
  WriteUsage(total, json);
  json.EndObject();
}

// What no route lets pass, once the fields have been read.
std::optional<Failure> CheckInputs(const Call& call, const std::string& field, size_t inputs,
                                   size_t limit, bool has_text);

// Counts a request that a model takes, and sends its answer.
void CountTaken(const Call& call, TaskKind task, size_t inputs, bool batch);
void SendAnswer(Call& call, TaskKind task, bool batch, size_t characters,
                const std::vector<uint32_t>& tokens, size_t truncated, const JobTimings& timings,
                std::string body);

template <class Route>
void AnswerInference(Call& call, const Route& route, const typename Route::Query& query,
                     size_t characters, typename Route::Answer answer) {
  const std::vector<uint32_t> tokens = answer.tokens;
  const size_t truncated = answer.truncated;
  const JobTimings timings = answer.timings;
  std::string body;
  route.Write(query, call, std::move(answer), body);
  SendAnswer(call, Route::kTask, query.batch, characters, tokens, truncated, timings,
             std::move(body));
}

// `body`: the request's, parsed; `model`: the one that the path names; empty: what the body says.
template <class Route>
void SubmitInference(Call& call, const Route& route, const JsonView& body,
                     std::string_view model = {}) {
  using Query = typename Route::Query;
  using Answer = typename Route::Answer;
  Result<Query> read = route.read(body);
  if (!read.ok()) return call.Fail(ToFailure(std::move(read).error()));
  auto query = std::make_shared<Query>(std::move(read).value());
  if (!call.UseModel(model.empty() ? query->model : model, Route::kTask)) return;
  const size_t limit = call.context().options.*route.max_inputs;
  const size_t inputs = query->request.inputs.size();
  auto failure =
      CheckInputs(call, query->request.field, inputs, limit, HasText(query->request.inputs));
  if (!failure) failure = route.Check(*query, call);
  if (failure) return call.Fail(*std::move(failure));

  const size_t characters = CountCharacters(query->request.inputs);
  CountTaken(call, Route::kTask, inputs, query->batch);
  auto inputs_taken = std::exchange(query->request.inputs, {});
  auto request = query->request;  // the rest of it is small
  request.inputs = std::move(inputs_taken);
  call.model().Run(
      std::move(request), call.request().client,
      [&route, self = call.shared_from_this(), query, characters](Result<Answer> result) {
        if (!result.ok()) return self->Fail(ToFailure(std::move(result).error()));
        if (!route.IsLong(*result)) {
          return AnswerInference(*self, route, *query, characters, std::move(result).value());
        }
        auto answer = std::make_shared<Answer>(std::move(result).value());
        self->RunOffloadedOrInline([&route, query, characters, answer](Call& c) {
          AnswerInference(c, route, *query, characters, std::move(*answer));
        });
      });
}

template <class Route>
void SubmitInference(Call& call, const Route& route) {
  const auto document = call.Parse();
  if (document.has_value()) SubmitInference(call, route, document->root());
}

// Answers one request.
template <class Route>
void HandleInference(const ApiContext* context, const Route& route, http::Request request,
                     http::Responder responder) {
  auto call =
      std::make_shared<Call>(context, route.errors, std::move(request), std::move(responder));
  Call::Begin(std::move(call), [&route](Call& c) { SubmitInference(c, route); });
}

}  // namespace minnow::api
