// SPDX-License-Identifier: Apache-2.0
// The Route (api/inference_call.h) of models with a head over each token: routes differ in how they
// read a query and in what they make of the scores.
#pragma once

#include <optional>
#include <string>

#include "api/inference_call.h"
#include "formats/json.h"

namespace minnow::api {

template <class QueryType, TaskKind kind>
struct TokenRoute {
  using Query = QueryType;
  using Answer = TokenScoresAnswer;
  static constexpr TaskKind kTask = kind;
  // What is made of more scores than this takes long enough to leave it to another thread than the
  // model's worker.
  static constexpr size_t kFewScores = 2048;

  Family errors;
  Result<Query> (*read)(const JsonView& body);
  // Fits the query to the model. kInvalidArgument: it cannot be.
  Status (*fit)(Query& query, size_t max_tokens);
  void (*write)(const Query& query, const Call& call, const TokenScoresAnswer& answer,
                JsonWriter& json);
  size_t ApiOptions::*max_inputs = &ApiOptions::max_openai_inputs;

  std::optional<Failure> Check(Query& query, const Call& call) const {
    Status status = fit(query, call.facts().max_sequence_tokens);
    if (!status.ok()) return ToFailure(std::move(status).error());
    return std::nullopt;
  }
  bool IsLong(const TokenScoresAnswer& answer) const { return answer.scores.size() > kFewScores; }
  void Write(const Query& query, const Call& call, const TokenScoresAnswer& answer,
             std::string& body) const {
    JsonWriter json(&body);
    write(query, call, answer, json);
  }
};

// The list of what `write_item(text)` writes of each.
template <class WriteItem>
void WriteTexts(const Call& call, const TokenScoresAnswer& answer, JsonWriter& json,
                const WriteItem& write_item) {
  WriteList(call.facts(), answer.texts.size(), Sum(answer.tokens), json, [&](size_t i) {
    write_item(answer.texts[i]);
    return TextTokens{answer.texts[i].untruncated, answer.texts[i].read};
  });
}

}  // namespace minnow::api
