// SPDX-License-Identifier: Apache-2.0
// Heads over each token: token classifiers (named entities) and extractive question answering.
//
// Letter: N numbers that the head gives for a token: one a label, or the two scores of an answer's
// first and last token.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "models/source.h"

namespace minnow {

struct TokenHeadSpec {
  SentenceTransformersLayout layout;  // no pooling and one Dense module
  std::vector<std::string> labels;    // [N]; empty for question answering
};

// Of a model whose kind() is `kind`. Fails with kUnsupported where the model is of another kind;
// as the readers of configurations and tensors do where the head's weights are missing or wrong.
// REQUIRES: IsPerToken(kind).
Result<TokenHeadSpec> ReadTokenHeadSpec(const ModelSource& source, ModelKind kind);

}  // namespace minnow
