// SPDX-License-Identifier: Apache-2.0
// CodeDocuments: a source file as documents, one for each function and some for the lines between.
// With the languages of language.h this is all that the rest of the program knows of this folder
// (docs/decisions/0038).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ingest/code/language.h"

namespace minnow {

// A document as JSON text:
//   {"id":"path#name","path","dir","lang","kind":"code","name","line":{"start","end"},"signature",
//    "text"}
// for a function with the comment above it, and for other lines
//   {"id":"path:line","path","dir","lang","kind":"code","line":{"start","end"},"text"}.
// A second function of a name has "path#name-2". A few lines between two functions go with the
// second, and a few at the end with the last; only lines without a word are left out. REQUIRES:
// `code` is well-formed UTF-8.
std::vector<std::string> CodeDocuments(const std::string& path, std::string_view code,
                                       const Language& language);

}  // namespace minnow
