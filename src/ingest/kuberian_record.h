// SPDX-License-Identifier: Apache-2.0
// Kuberian's functions: one Go function each, with what a language model said of it; from JSON
// lines to documents.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "formats/json.h"

namespace minnow {

// The field that is embedded.
inline constexpr const char* kKuberianTextField = "summary";

// A function as a document holds it.
struct KuberianFunction {
  std::string id;  // digits; empty: none, which the store refuses
  int64_t line_start = 0;
  int64_t line_end = 0;
  // nullopt: null.
  std::optional<std::string_view> name, signature, file, summary, code;
  std::optional<std::string_view> background, analysis, purpose, comment, opinion;
};
// {"id","name","signature","file","line":{"start","end"},"summary","code","background","analysis",
// "purpose","comment","opinion"} as JSON text; the id as a string.
std::string WriteKuberianFunction(const KuberianFunction& function);

// True where `object` has the fields of such a line: id, name, signature, file, code and
// line {from, to}.
bool IsKuberianRecord(const JsonView& object);

// The line as WriteKuberianFunction writes it, null for what it does not have. The summary is the
// line's own where it has one, else the sentence that its `result` ends with, as Kuberian's
// notebook cuts it out, else the first there is of purpose, background and analysis. REQUIRES:
// IsKuberianRecord(object).
std::string KuberianDocument(const JsonView& object);

}  // namespace minnow
