// SPDX-License-Identifier: Apache-2.0
// The tasks behind POST /models/{name}, in the shape of Hugging Face's inference, besides the
// classifier's own.
#pragma once

#include <string_view>

#include "api/call.h"
#include "formats/json.h"

namespace minnow::api {

// {"inputs": "text" | ["text", ...], "parameters": {"top_k", "targets", "truncation"}}.
// https://huggingface.co/docs/inference-providers/tasks/fill-mask
void SubmitFillMask(Call& call, const JsonView& body, std::string_view model);

// Whether there are parameters.candidate_labels.
bool AsksForLabels(const JsonView& body);
// {"inputs", "parameters": {"candidate_labels": ["a", "b"] | "a, b", "hypothesis_template",
// "multi_label"}}. https://huggingface.co/docs/inference-providers/tasks/zero-shot-classification
void SubmitZeroShot(Call& call, const JsonView& body, std::string_view model);

}  // namespace minnow::api
