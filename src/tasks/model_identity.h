// SPDX-License-Identifier: Apache-2.0
// The identity of the model that makes an index's vectors: vectors of another one do not compare.
#pragma once

#include "base/result.h"
#include "index/store/document.h"
#include "models/model_source.h"
#include "models/sentence_encoder.h"

namespace minnow {

// A packed file's checksum is its own; a directory's is made here, from its weights, tokenizer and
// settings, by reading them all. The same files elsewhere have the same identity. Fails as reading
// files does.
Result<ModelIdentity> IdentifyModel(const ModelSource& source, const ModelInfo& info);

}  // namespace minnow
