// SPDX-License-Identifier: Apache-2.0
// The model's tokenizer as what cuts documents' texts into chunks.
#pragma once

#include "api/search/document_batch.h"
#include "text/tokenizer.h"

namespace minnow::api {

// `tokenizer` outlives the chunker.
Chunker MakeChunker(const Tokenizer& tokenizer);

}  // namespace minnow::api
