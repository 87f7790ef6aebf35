// SPDX-License-Identifier: Apache-2.0
// Entities: what a token classifier found in a text, as transformers' TokenClassificationPipeline
// (4.57) tells it.
//
// Pure functions; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/token_scores.h"
#include "text/tokenizer.h"

namespace minnow {

// What becomes of tokens that belong together. Tokens of a label are one entity, where "B-" before
// the label does not begin a new one; and a word's tokens all get:
enum class Aggregation {
  kNone,     // each token is an entity
  kSimple,   // their own labels
  kFirst,    // the label of the first
  kAverage,  // the best label by the mean of their scores
  kMax,      // the label of the one with the highest score
};
inline constexpr std::array<std::string_view, 5> kAggregationNames = {"none", "simple", "first",
                                                                      "average", "max"};
std::optional<Aggregation> ParseAggregation(std::string_view name);

struct EntityOptions {
  Aggregation aggregation = Aggregation::kSimple;
  std::vector<std::string> ignore_labels = {"O"};
};

struct Entity {
  std::string label;   // with kNone as the model has it, else without "B-" and "I-"
  float score = 0;     // probability
  std::string word;    // of the tokens, not of the text
  uint32_t index = 0;  // with kNone: of the token
  // Half-open range of code points of the text.
  uint32_t start = 0;
  uint32_t end = 0;
};

// text: an input's; scores: [rows, labels] from text.first_row on, as the head gives them. In the
// order of the text.
std::vector<Entity> FindEntities(const Tokenizer& tokenizer, const std::vector<std::string>& labels,
                                 const ScoredText& text, std::span<const float> scores,
                                 const EntityOptions& options);

}  // namespace minnow
