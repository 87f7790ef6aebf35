// SPDX-License-Identifier: Apache-2.0
// Loads models that make text, as tasks and `minnow pack` have them.
#pragma once

#include <memory>

#include "base/result.h"
#include "models/source.h"
#include "models/t5/t5_model.h"
#include "text/tokenizer.h"

namespace minnow {

// As T5Model::Load; int8 made of a directory is calibrated where there is a tokenizer to make
// tokens of the texts that the program carries. tokenizer: null: there is none.
Result<std::unique_ptr<T5Model>> LoadTextToText(const ModelSource& source,
                                                const EncoderPrecision& precision,
                                                const T5Limits& limits, const Tokenizer* tokenizer);

}  // namespace minnow
