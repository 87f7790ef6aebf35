// SPDX-License-Identifier: Apache-2.0
#include "api/tokens/token_json.h"

namespace minnow::api {
namespace {

void WritePlace(uint32_t start, uint32_t end, JsonWriter& json) {
  json.Key("start");
  json.Uint(start);
  json.Key("end");
  json.Uint(end);
}

}  // namespace

void WriteEntities(std::span<const Entity> entities, Aggregation aggregation, JsonWriter& json) {
  const bool tokens = aggregation == Aggregation::kNone;
  json.BeginArray();
  for (const Entity& entity : entities) {
    json.BeginObject();
    json.Key(tokens ? "entity" : "entity_group");
    json.String(entity.label);
    json.Key("score");
    json.Float(entity.score);
    if (tokens) {
      json.Key("index");
      json.Uint(entity.index);
    }
    json.Key("word");
    json.String(entity.word);
    WritePlace(entity.start, entity.end, json);
    json.EndObject();
  }
  json.EndArray();
}

void WriteAnswers(std::span<const Answer> answers, bool alone, JsonWriter& json) {
  alone = alone && answers.size() == 1;
  if (!alone) json.BeginArray();
  for (const Answer& answer : answers) {
    json.BeginObject();
    json.Key("score");
    json.Float(static_cast<float>(answer.score));
    WritePlace(answer.start, answer.end, json);
    json.Key("answer");
    json.String(answer.text);
    json.EndObject();
  }
  if (!alone) json.EndArray();
}

}  // namespace minnow::api
