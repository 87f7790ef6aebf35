// SPDX-License-Identifier: Apache-2.0
// What a file is to an index: by its name, and where that says nothing by its first bytes.
#pragma once

#include <string_view>

#include "ingest/code/language.h"

namespace minnow {

enum class FileFormat {
  kJsonLines,  // .jsonl, .ndjson: an object a line
  kJson,       // .json: an array of objects, or objects one after another
  kCsv,
  kMarkdown,
  kCode,
  kText,      // .txt and the like
  kUnknown,   // text, if its bytes are
  kNotProse,  // text that says nothing to people: images as XML, lock files
};

struct FileKind {
  FileFormat format = FileFormat::kUnknown;
  Language language;  // of kCode
};

// `name` without its folders.
FileKind KindOf(std::string_view name);

// By the text's first 64 KiB: `known_text` allows what is not UTF-8, as old texts are; a zero byte
// is binary always.
bool LooksBinary(std::string_view text, bool known_text);

}  // namespace minnow
