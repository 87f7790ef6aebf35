// SPDX-License-Identifier: Apache-2.0
// A document on its way into an index: id and text by the index's settings, chunks by the model's
// tokenizer.
//
// For the command line and for the server alike. Pure but for the tokenizer; any thread.
#pragma once

#include <string_view>

#include "base/result.h"
#include "index/query/chunking.h"
#include "index/store/document.h"
#include "tasks/embedding_model.h"

namespace minnow {

// How a model's texts are cut: chunks with their special tokens fit its limit.
struct Chunker {
  ChunkOptions options;
  TokenCounter count_tokens;  // borrows the tokenizer
};

// `model` outlives the chunker.
Chunker ChunkerOf(const EmbeddingModel& model);

// Reads `json`, which must be one object, and cuts its text. kInvalidArgument says what is wrong,
// naming the field: "id: expected ...".
Result<Document> PrepareDocument(const IndexSettings& settings, const Chunker& chunker,
                                 std::string_view json);

// Name, precision and checksum of a model: what an index is bound to. Reads a directory's weights
// once; a packed file says its own. Fails as the readers of files do.
Result<ModelIdentity> IdentifyModel(const ModelSource& source, const EmbeddingModel& model);

}  // namespace minnow
