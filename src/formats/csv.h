// SPDX-License-Identifier: Apache-2.0
// CSV as Python's csv module reads it: quotes around fields, doubled quotes inside them; a quote
// inside an unquoted field is a character, and what follows a closing quote belongs to the field.
// Records end at \n, \r or \r\n outside quotes. Any bytes are safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace minnow {

// Reads bytes one by one.
class CsvScanner {
 public:
  enum class Found { kNothing, kByte, kEndOfField, kEndOfRecord };

  explicit CsvScanner(char delimiter) : delimiter_(delimiter) {}
  // What a byte of a record is; kByte: of the field's content.
  Found Step(char c);
  // Whether a quote is open.
  bool quoted() const { return state_ == State::kQuoted; }

 private:
  enum class State { kFieldStart, kField, kQuoted, kQuoteInQuoted };
  char delimiter_;
  State state_ = State::kFieldStart;
};

// The fields of one record, with or without the line break that ends it; at least one. Stops at
// one field more than `limit`.
std::vector<std::string> SplitCsvRecord(std::string_view record, char delimiter,
                                        size_t limit = SIZE_MAX);

// All records of `text`, but for empty lines.
std::vector<std::vector<std::string>> ParseCsv(std::string_view text, char delimiter = ',');

// The delimiter (comma, semicolon, tab, pipe) that a file's first record is written with: one that
// makes `column` a field if there is any, else the one that makes the most fields, else the comma.
// `beginning`: of the file, with its first record if that is not long.
char FindCsvDelimiter(std::string_view beginning, std::string_view column);

}  // namespace minnow
