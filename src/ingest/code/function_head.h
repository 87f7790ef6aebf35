// SPDX-License-Identifier: Apache-2.0
// What opens at a brace: a function, something that holds functions, or neither; by what stands
// before the brace.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ingest/code/language.h"

namespace minnow {

enum class HeadKind {
  kFunction,
  kContainer,  // a class, namespace or impl: functions are looked for inside
  kOther,      // an initialiser, an enum: passed over
  kContinues,  // the brace belongs to the head itself: interface{}, member{1}, default arguments
};

struct FunctionHead {
  HeadKind kind = HeadKind::kOther;
  std::string name;      // of the function or container; may be empty for a container
  size_t signature = 0;  // where the signature begins in the head
};

// `head`: masked code from the statement's beginning up to the brace. `container`: the name of the
// innermost class around it, or empty.
FunctionHead ReadFunctionHead(std::string_view head, CodeSyntax syntax, std::string_view container);

}  // namespace minnow
