// SPDX-License-Identifier: Apache-2.0
// What a file is to an index: by its name, and where that says nothing by its first bytes.
#pragma once

#include <string_view>

#include "ingest/code/code_documents.h"

namespace minnow {

enum class FileFormat {
  kJsonLines,  // .jsonl, .ndjson: an object a line
  kJson,       // .json: an array of objects, or objects one after another
  kCsv,
  kMarkdown,
  kCode,
  kText,     // .txt and the like
  kUnknown,  // text, if its bytes are
  kHtml,
  kNotebook,  // .ipynb
  kNotProse,  // text that says nothing to people: images as XML, lock files
  kForeign,   // not read: PDF, images, archives
};

// A format that is not read.
struct ForeignFormat {
  std::string_view name;  // "PDF"
  std::string_view hint;  // what to do instead; may be empty
};

struct FileKind {
  FileFormat format = FileFormat::kUnknown;
  Language language;      // of kCode
  ForeignFormat foreign;  // of kForeign
};

// `name` without its folders.
FileKind KindOf(std::string_view name);

}  // namespace minnow
