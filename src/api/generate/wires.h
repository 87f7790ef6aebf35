// SPDX-License-Identifier: Apache-2.0
// The bodies of requests for text, as five families of clients write them. Each reader makes a
// query whose writer answers in the same family's shape. Fields that are not known are ignored;
// what is known and not done is refused.
#pragma once

#include <string_view>

#include "api/call.h"
#include "api/generate/answer_writer.h"

namespace minnow::api {

// text2text-generation, summarization, translation: {"inputs", "parameters"}. `task`: of the path;
// empty: what the parameters say. `tasks`: the model's.
// https://huggingface.co/docs/transformers/main_classes/pipelines
Result<GenerateQuery> ReadHuggingFaceText(const JsonView& body, std::string_view task,
                                          const TextTasks& tasks);

// {"inputs", "parameters", "stream"}; https://github.com/huggingface/text-generation-inference
Result<GenerateQuery> ReadTgiGenerate(const JsonView& body);        // POST /generate
Result<GenerateQuery> ReadTgiGenerateStream(const JsonView& body);  // POST /generate_stream
Result<GenerateQuery> ReadTgiRoot(const JsonView& body);            // POST /, in a list

// https://platform.openai.com/docs/api-reference/completions
Result<GenerateQuery> ReadCompletion(const JsonView& body);

// https://github.com/ollama/ollama/blob/main/docs/api.md
void AddOllamaRoutes(const ApiContext* context, http::Router& router);

// {"text_input", "parameters"}; https://kserve.github.io/website (open inference protocol)
Result<GenerateQuery> ReadKserve(const JsonView& body, std::string_view model,
                                 std::string_view version, bool stream);

}  // namespace minnow::api
