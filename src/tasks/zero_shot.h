// SPDX-License-Identifier: Apache-2.0
// Zero-shot classification: labels that the request names, by a model that tells whether one text
// follows from another (NLI), as transformers' ZeroShotClassificationPipeline does it.
// https://github.com/huggingface/transformers/blob/v4.57.0/src/transformers/pipelines/zero_shot_classification.py
//
// A text and each label's sentence are a pair for a ClassifyJob with raw scores; here is what comes
// before and after. Letters: L labels of the request, N those of the model.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace minnow {

inline constexpr size_t kMaxZeroShotLabels = 1000;
inline constexpr std::string_view kHypothesisTemplate =
    "This example is {}.";  // where none is sent

// The model's label that begins with "entail", in any case; nullopt: it is no NLI model.
std::optional<size_t> FindEntailment(const std::vector<std::string>& model_labels);

// "a, b,,c" as ["a", "b", "c"].
std::vector<std::string> SplitLabels(std::string_view text);
// What each label claims: the template with the label for its {}, as Python's format writes it ({{
// is a brace). Fails with kInvalidArgument, naming `labels_field` or "hypothesis_template", for no
// label, too many, and a template without {} or with another brace.
Result<std::vector<std::string>> MakeHypotheses(std::string_view hypothesis_template,
                                                const std::vector<std::string>& labels,
                                                const std::string& labels_field);

// raw: [L, N], the model's raw scores of one text with each hypothesis; -> [L], in label order. Of
// labels that exclude each other they add up to 1; where `multi_label`, and of one label, each
// tells entailment from contradiction.
std::vector<float> ZeroShotScores(std::span<const float> raw, size_t model_labels,
                                  size_t entailment, bool multi_label);

}  // namespace minnow
