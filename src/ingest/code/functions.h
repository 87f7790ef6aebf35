// SPDX-License-Identifier: Apache-2.0
// FindFunctions: where the functions of a source file are, by a light reading of its syntax.
//
// Braces or indentation are matched in masked code; heads are recognised by their shape. No grammar
// is followed: what looks like no function is left to whoever cuts the rest by lines. Any bytes are
// safe; linear in the code, but for very long lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/code/language.h"

namespace minnow {

// Bytes of the code.
struct CodeFunction {
  std::string name;  // with its class or receiver: "Store::Open", "(*Pod).Run", "Queue.push"
  size_t begin = 0;  // of the comment or decorators above it, at the start of a line
  size_t head = 0;   // of the signature
  size_t body = 0;   // where the signature ends: its brace or colon
  size_t end = 0;    // behind its last line
};

// In order, none inside another. `masked` is MaskCode of `code`. Empty for kLines.
std::vector<CodeFunction> FindFunctions(std::string_view code, std::string_view masked,
                                        CodeSyntax syntax);

// For FindFunctions: the functions of Python, by indentation.
std::vector<CodeFunction> FindPythonFunctions(std::string_view code, std::string_view masked);

// The start of the comment right above the line that `at` is in: lines that are blank in `masked`
// but not in `code`. Not before `limit`. Lines of a C preprocessor are no comment.
size_t CommentAbove(std::string_view code, std::string_view masked, size_t at, size_t limit,
                    CodeSyntax syntax);

}  // namespace minnow
