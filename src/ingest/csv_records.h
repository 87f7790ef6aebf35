// SPDX-License-Identifier: Apache-2.0
// CsvHeader: rows of a CSV file as JSON objects, by the names in its first row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "index/store/document.h"

namespace minnow {

// A column has one type over the whole file, so that filters find all of its rows: numbers where
// every cell is a plain number (12, -3.5, 19.90), booleans where every cell is true or false,
// strings otherwise; empty cells decide nothing.
class CsvHeader {
 public:
  // From the first row. Columns without a name, as pandas writes its index, are left out. Fails
  // with kInvalidArgument: a name twice, or no column for the id.
  static Result<CsvHeader> Parse(std::string_view row, char delimiter,
                                 const IndexSettings& settings);
  size_t unnamed_columns() const { return unnamed_; }

  // Whether a first row that Parse refuses has the id's name all the same, in other letters.
  static bool NamesId(std::string_view row, char delimiter, const IndexSettings& settings);

  // Takes a further row's cells into account; a row that ToJson will refuse counts for nothing.
  // False where no row can change anything any more.
  bool Learn(std::string_view row);

  // A row as an object; empty cells are left out, and the columns of id and text are strings
  // always. Fails with kInvalidArgument, saying what is wrong and no place. REQUIRES: Learn of
  // every row.
  Result<std::string> ToJson(std::string_view row) const;

 private:
  struct Column {
    std::string name;  // empty: left out
    // By the cells so far; both only where there are none.
    bool number = false;
    bool boolean = false;
  };
  explicit CsvHeader(char delimiter) : delimiter_(delimiter) {}
  Result<std::vector<std::string>> Cells(std::string_view row) const;

  char delimiter_;
  size_t unnamed_ = 0;
  std::vector<Column> columns_;
};

}  // namespace minnow
