// SPDX-License-Identifier: Apache-2.0
// Entities and answers as JSON, as transformers' pipelines name their parts.
#pragma once

#include <span>

#include "formats/json.h"
#include "tasks/answers.h"
#include "tasks/entities.h"

namespace minnow::api {

// An array: {"entity_group", "score", "word", "start", "end"} each; with kNone {"entity", "score",
// "index", ...}.
void WriteEntities(std::span<const Entity> entities, Aggregation aggregation, JsonWriter& json);
// An array: {"score", "start", "end", "answer"} each; `alone`: one answer is not in an array.
void WriteAnswers(std::span<const Answer> answers, bool alone, JsonWriter& json);

}  // namespace minnow::api
