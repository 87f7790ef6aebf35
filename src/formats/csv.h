// SPDX-License-Identifier: Apache-2.0
// CSV as RFC 4180 has it: commas, quotes around fields, doubled quotes inside them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace minnow {

// All records of `text`; lines may end in \n or \r\n, and an empty last line is no record. Fails
// with kCorrupt (a quote inside an unquoted field, text after a closing quote, no closing quote);
// the message names `name` and the line.
Result<std::vector<std::vector<std::string>>> ParseCsv(std::string_view text,
                                                       const std::string& name);
// The fields of one record. Messages say what is wrong and no place.
Result<std::vector<std::string>> ParseCsvRecord(std::string_view text);

}  // namespace minnow
