// SPDX-License-Identifier: Apache-2.0
// A request's body as documents for the store, with a word on each of them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "index/store/document.h"
#include "ingest/prepare.h"

namespace minnow::api {

enum class BatchFormat {
  kJson,   // one object, or an array of them
  kLines,  // an object a line; blank lines are passed over
};

// The format that a Content-Type names; JSON where it names none of ours.
BatchFormat FormatOf(std::string_view content_type);

// What became of one document of the body.
struct BatchEntry {
  size_t line = 0;    // in the body, from 1; of an array: which of its elements
  std::string id;     // empty where it could not be read
  std::string error;  // empty: it is documents[document]
  size_t document = 0;
};

struct DocumentBatch {
  std::vector<Document> documents;
  std::vector<BatchEntry> entries;
};

// Fails with kInvalidArgument when the body is no JSON as a whole, is empty, or has more than
// `max_documents`; what is wrong with one document is its entry's error.
Result<DocumentBatch> ReadDocumentBatch(std::string_view body, BatchFormat format,
                                        const IndexSettings& settings, size_t max_documents,
                                        const Chunker& chunker);

}  // namespace minnow::api
