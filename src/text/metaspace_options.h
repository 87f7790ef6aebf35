// SPDX-License-Identifier: Apache-2.0
// What Metaspace is told, as a pre-tokenizer and as a decoder.
#pragma once

#include <string>

#include "base/result.h"
#include "formats/json.h"

namespace minnow {

enum class PrependScheme {
  kAlways,
  kFirst,  // at the beginning of the whole text only
  kNever,
};

struct MetaspaceOptions {
  std::string mark = "\u2581";  // one character, for a space
  PrependScheme prepend = PrependScheme::kAlways;
  bool split = true;  // before each mark
};

// Of an object with "replacement", "prepend_scheme" or "add_prefix_space" (older files), "split".
// kCorrupt, kUnsupported: a mark that is not one character, an unknown scheme, or two that
// contradict.
Result<MetaspaceOptions> ReadMetaspaceOptions(const JsonView& json);

}  // namespace minnow
