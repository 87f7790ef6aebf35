// SPDX-License-Identifier: Apache-2.0
// Looks at escapes only: what stands between them was written by the same program as UTF-8.
#include "formats/json_surrogates.h"

#include <charconv>

namespace minnow {
namespace {

constexpr std::string_view kReplacementEscape = "\\ufffd";
constexpr size_t kEscapeBytes = 6;  // "\ud83d"

bool IsHigh(unsigned code) { return code >= 0xD800 && code < 0xDC00; }
bool IsLow(unsigned code) { return code >= 0xDC00 && code < 0xE000; }

// The code unit of the escape at `at`; 0 where there is none.
unsigned CodeUnit(std::string_view json, size_t at) {
  if (json.size() < at + kEscapeBytes || json[at] != '\\' || json[at + 1] != 'u') return 0;
  unsigned code = 0;
  const char* end = json.data() + at + kEscapeBytes;
  return std::from_chars(json.data() + at + 2, end, code, 16).ptr == end ? code : 0;
}

}  // namespace

SurrogateRepair RepairSurrogates(std::string_view json) {
  SurrogateRepair repair;
  if (json.find("\\u") == json.npos) return repair;
  bool in_string = false;
  size_t string = 0;
  for (size_t i = 0; (i = json.find_first_of("\"\\", i)) != json.npos;) {
    if (json[i] == '"') {
      string += in_string ? 1 : 0;
      in_string = !in_string;
      ++i;
      continue;
    }
    const unsigned code = CodeUnit(json, i);
    if (IsHigh(code) && IsLow(CodeUnit(json, i + kEscapeBytes))) {
      i += 2 * kEscapeBytes;
    } else if (IsHigh(code) || IsLow(code)) {
      if (repair.text.empty()) repair.text = json;
      repair.text.replace(i, kEscapeBytes, kReplacementEscape);
      if (repair.strings.empty() || repair.strings.back() != string)
        repair.strings.push_back(string);
      i += kEscapeBytes;
    } else {
      i += 2;  // the backslash, and what it escapes
    }
  }
  return repair;
}

}  // namespace minnow
