// SPDX-License-Identifier: Apache-2.0
// The Route (api/inference_call.h) of what classifiers answer: routes differ in how they read a
// query and write the scores.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/inference_call.h"
#include "formats/json.h"

namespace minnow::api {

template <class QueryType, TaskKind kind>
struct ScoreRoute {
  using Query = QueryType;
  using Answer = ClassifyAnswer;
  static constexpr TaskKind kTask = kind;
  // Writing more scores than this takes long enough to leave it to another thread than the model's
  // worker.
  static constexpr size_t kFewScores = 1024;

  Family errors;
  Result<Query> (*read)(const JsonView& body);
  void (*write)(const Query& query, const ModelFacts& facts, const ClassifyAnswer& answer,
                JsonWriter& json);
  size_t ApiOptions::*max_inputs = &ApiOptions::max_client_batch_size;

  std::optional<Failure> Check(Query&, const Call&) const { return std::nullopt; }
  bool IsLong(const ClassifyAnswer& answer) const { return answer.scores.size() > kFewScores; }
  void Write(const Query& query, const Call& call, const ClassifyAnswer& answer,
             std::string& body) const {
    JsonWriter json(&body);
    write(query, call.facts(), answer, json);
  }
};

// [{"label", "score"}] in the order of `ranked`, down to scores of `threshold`.
void WriteClasses(const std::vector<std::string>& labels, std::span<const LabelScore> ranked,
                  double threshold, JsonWriter& json);

}  // namespace minnow::api
