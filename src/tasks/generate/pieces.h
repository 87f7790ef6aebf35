// SPDX-License-Identifier: Apache-2.0
// A finished text in the pieces that a stream of it would have had.
#pragma once

#include <vector>

#include "tasks/generate/generate.h"
#include "tasks/generate/model.h"

namespace minnow {

// One for each new id. `request`: the one that `text` answers. REQUIRES: model.has_tokenizer()
std::vector<GeneratedPiece> PiecesOf(const GenerateModel& model, const GenerateRequest& request,
                                     const GeneratedText& text);

}  // namespace minnow
