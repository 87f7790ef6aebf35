// SPDX-License-Identifier: Apache-2.0
// MaskCode: source code with its comments and strings blanked out, so that what is left can be
// searched for braces and names.
//
// After a light reading of each language's lexical rules. Code that breaks them, or that the
// preprocessor changes, is masked wrong but never read beyond its end.
#pragma once

#include <string>
#include <string_view>

#include "ingest/code/language.h"

namespace minnow {

// Of the same size as `code`: bytes inside comments, strings and (C) preprocessor lines are spaces,
// but line breaks stay. The quotes themselves are blanked too.
std::string MaskCode(std::string_view code, CodeSyntax syntax);

}  // namespace minnow
