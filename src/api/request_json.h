// SPDX-License-Identifier: Apache-2.0
// What may stand in the JSON of a request for embeddings, tokens or texts.
//
// Fields that are not known are ignored, as by the servers whose clients ask here. A message names
// the field and what was expected: "input[3]: expected a string, got 5".
//
// Pure functions, callable from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "tasks/classify.h"
#include "tasks/embed.h"

namespace minnow::api {

// The body without a byte order mark, which some programs put before UTF-8.
std::string_view WithoutMark(std::string_view body);
// Parses a body within the limits of requests (nesting, number of values).
Result<JsonDocument> ParseBody(std::string_view body);

// An embedding request of either family.
struct EmbeddingQuery {
  EmbedRequest request;              // inputs may be empty: the caller refuses that
  std::optional<size_t> dimensions;  // at least 1; the model's size is checked by the caller
  bool batch = false;                // a list was sent, not one text
  bool base64 = false;               // OpenAI's encoding_format
  bool similarity = false;           // the last input is compared with the others
  std::string model;                 // empty: the first that embeds
};

// POST /embed: inputs, model, truncate, truncation_direction, normalize, dimensions, prompt_name.
Result<EmbeddingQuery> ReadTeiEmbed(const JsonView& body);
// POST /embed_all: inputs, truncate, truncation_direction, prompt_name.
Result<EmbeddingQuery> ReadTeiEmbedAll(const JsonView& body);
// POST /similarity: inputs: {source_sentence, sentences}, parameters: {truncate,
// truncation_direction, prompt_name}. The source is the last input.
Result<EmbeddingQuery> ReadTeiSimilarity(const JsonView& body);
// POST /: either of them, as inputs are an object or not.
Result<EmbeddingQuery> ReadTeiRoot(const JsonView& body);
// POST /v1/embeddings: input, model, encoding_format, dimensions; and prompt_name, truncate,
// truncation_direction, as /embed.
Result<EmbeddingQuery> ReadOpenAiEmbed(const JsonView& body);

// "text" | ["text", ...] | [id, ...] | [[id, ...], ...]; `batch` becomes true where a list of
// inputs was sent.
Status ReadInputs(const JsonView& body, std::string_view field, std::vector<EmbedInput>& inputs,
                  bool& batch);
// The same of texts alone.
Status ReadTexts(const JsonView& body, std::string_view field, std::vector<std::string>& texts,
                 bool& batch);
// "truncate" and "truncation_direction".
Status ReadLengthPolicy(const JsonView& body, LengthPolicy& policy);
// A string with something in it.
Result<std::string> ReadText(const JsonView& value);
// "prompt_name", where it stands there.
Status ReadPromptName(const JsonView& body, PromptChoice& prompt);

// POST /predict.
struct PredictQuery {
  ClassifyRequest request;  // inputs may be empty: the caller refuses that
  bool batch = false;       // a list of inputs was sent, not one
  std::string model;        // empty: the first that classifies
};
// inputs: "text" | ["text"] | ["text", "text"], a pair | [id, ...] | a list of such lists; model,
// truncate, truncation_direction, raw_scores.
Result<PredictQuery> ReadTeiPredict(const JsonView& body);

struct TokenizeQuery {
  std::vector<std::string> inputs;
  bool batch = false;
  bool add_special_tokens = true;
  std::string model;
  PromptChoice prompt;
};
Result<TokenizeQuery> ReadTokenize(const JsonView& body);

struct DecodeQuery {
  std::vector<std::vector<TokenId>> ids;
  bool batch = false;
  bool skip_special_tokens = true;
  std::string model;
};
Result<DecodeQuery> ReadDecode(const JsonView& body);

}  // namespace minnow::api
