// SPDX-License-Identifier: Apache-2.0
// DocumentSource: one file as a sequence of documents in JSON text.
//
// One thread. Data files (JSON, CSV) are read as a stream, whatever their size; prose and code are
// read as a whole, up to a limit.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "index/store/document.h"
#include "ingest/file_walk.h"

namespace minnow {

// Of prose and code; such a file is one document or a few.
inline constexpr size_t kMaxProseBytes = size_t{16} << 20;
inline constexpr size_t kMaxNotebookBytes = size_t{64} << 20;  // with its outputs

// One document, or why there is none.
struct SourceItem {
  size_t line = 0;      // in the file
  std::string json;     // an object; not parsed yet where it comes from JSON
  std::string problem;  // "longer than 33554432 bytes"; empty where `json` is good so far
};

class DocumentSource {
 public:
  virtual ~DocumentSource() = default;
  // nullopt at the end. Fails where the rest of the file cannot be read; the message names it.
  virtual Result<std::optional<SourceItem>> Next() = 0;
};

struct OpenedSource {
  std::unique_ptr<DocumentSource> source;  // null where it was skipped
  SkipReason skipped = SkipReason::kEmpty;
  // A file's lines are Kuberian's: the text is one field (kuberian_record.h).
  bool kuberian = false;
};

// `settings` tells which field is the id, and which columns of a CSV file are text. Fails with
// kNotFound, kInvalidArgument (as for a text in another encoding, or a format that is not read) or
// kInternal, naming the file. Data files found in a folder are
// skipped where no record has an id: they are somebody's settings. JSON is read up to the first
// that has one, and CSV as a whole, before the source reads it for good.
Result<OpenedSource> OpenSource(const FoundFile& file, const IndexSettings& settings);
// JSON lines from a descriptor of the caller's, read once; `name` stands for it in messages.
Result<OpenedSource> OpenStream(int descriptor, const std::string& name, const FileReading& reading,
                                const IndexSettings& settings);

}  // namespace minnow
