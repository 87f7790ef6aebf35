// SPDX-License-Identifier: Apache-2.0
// CsvHeader: rows of a CSV file as JSON objects, by the names in its first row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "index/store/document.h"

namespace minnow {

class CsvHeader {
 public:
  // From the first row. Fails with kInvalidArgument: wrong CSV, a name twice or empty, or no column
  // for the id.
  static Result<CsvHeader> Parse(std::string_view row, const IndexSettings& settings);

  // A row as an object. Numbers written as JSON would write them become numbers, but for the id and
  // text columns; empty fields are left out. Fails with kInvalidArgument, saying what is wrong and
  // no place.
  Result<std::string> ToJson(std::string_view row) const;

 private:
  struct Column {
    std::string name;
    bool text = false;  // a string always
  };
  std::vector<Column> columns_;
};

}  // namespace minnow
