// SPDX-License-Identifier: Apache-2.0
// Sequence classifiers: the head's layout, the labels, and how raw scores become scores.
//
// Letter: N labels.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/bert/family.h"
#include "models/source.h"

namespace minnow {

// What problem_type of a config.json asks for; where it asks for nothing, one label is scored by
// itself (as rerankers are) and several share one sum.
enum class ScoreFunction {
  kSoftmax,  // one class of several
  kSigmoid,  // each class by itself
  kNone,     // a number: regression
};

struct ClassifierSpec {
  SentenceTransformersLayout layout;  // pooling and the two Dense modules of the head
  std::vector<std::string> labels;    // [N]
  ScoreFunction function = ScoreFunction::kSoftmax;
};

// The labels of a config.json: id2label as an object or a list, values text, numbers or null; ids
// that it leaves out are LABEL_i, as all are without it. Fails with kCorrupt for ids of no class
// and for an id twice. `name` stands for the file.
Result<std::vector<std::string>> ReadLabels(const std::string& config_json, const std::string& name,
                                            size_t count);

// The classes of a directory's head: rows of its last product, PRODUCT.weight [classes,
// in_features]. Fails as readers of tensors do, and with kUnsupported for none and for too many.
Result<int> ReadClassCount(const ModelSource& source, const std::string& product, int in_features);

// Of a model whose kind() is kClassification. Fails with kUnsupported where its configuration asks
// for no such head, or for another one; kNotFound where the head's weights are missing.
Result<ClassifierSpec> ReadClassifierSpec(const ModelSource& source);

// Raw scores to scores, in place; scores: [N].
void ApplyScoreFunction(ScoreFunction function, std::span<float> scores);

}  // namespace minnow
