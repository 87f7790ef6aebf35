// SPDX-License-Identifier: Apache-2.0
// Kuberian's JSON lines: one Go function each, with what a language model said of it.
#pragma once

#include <optional>
#include <string>

#include "formats/json.h"

namespace minnow {

// The field that is embedded.
inline constexpr const char* kKuberianTextField = "summary";

// True where `object` has the fields of such a line: id, name, signature, file, code and
// line {from, to}.
bool IsKuberianRecord(const JsonView& object);

// {"id","name","signature","file","line":{"start","end"},"summary","code","background","analysis",
// "purpose","comment","opinion"} as JSON text; the id as a string, null for what the line does not
// have. The summary is the line's own where it has one, else the sentence that its `result` ends
// with, as Kuberian's notebook cuts it out, else the first there is of purpose, background and
// analysis. REQUIRES: IsKuberianRecord(object).
std::string KuberianDocument(const JsonView& object);

}  // namespace minnow
