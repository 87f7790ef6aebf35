// SPDX-License-Identifier: Apache-2.0
// CSV, byte by byte.
#include "formats/csv.h"

#include <algorithm>

namespace minnow {

CsvScanner::Found CsvScanner::Step(char c) {
  if (state_ == State::kQuoted) {
    if (c != '"') return Found::kByte;
    state_ = State::kQuoteInQuoted;
    return Found::kNothing;
  }
  if (c == '"' && state_ == State::kQuoteInQuoted) {
    state_ = State::kQuoted;
    return Found::kByte;
  }
  if (c == '"' && state_ == State::kFieldStart) {
    state_ = State::kQuoted;
    return Found::kNothing;
  }
  const bool ends_record = c == '\n' || c == '\r';
  const bool ends_field = ends_record || c == delimiter_;
  state_ = ends_field ? State::kFieldStart : State::kField;
  if (ends_record) return Found::kEndOfRecord;
  return ends_field ? Found::kEndOfField : Found::kByte;
}

std::vector<std::string> SplitCsvRecord(std::string_view record, char delimiter, size_t limit) {
  std::vector<std::string> fields(1);
  CsvScanner scanner(delimiter);
  for (const char c : record) {
    const CsvScanner::Found found = scanner.Step(c);
    if (found == CsvScanner::Found::kEndOfRecord) break;
    if (found == CsvScanner::Found::kByte) fields.back() += c;
    if (found != CsvScanner::Found::kEndOfField) continue;
    if (fields.size() > limit) break;
    fields.emplace_back();
  }
  return fields;
}

std::vector<std::vector<std::string>> ParseCsv(std::string_view text, char delimiter) {
  std::vector<std::vector<std::string>> records;
  for (size_t begin = 0; begin < text.size();) {
    CsvScanner scanner(delimiter);
    size_t end = begin;
    while (end < text.size() && scanner.Step(text[end]) != CsvScanner::Found::kEndOfRecord) ++end;
    if (end > begin) records.push_back(SplitCsvRecord(text.substr(begin, end - begin), delimiter));
    begin = end + 1;
  }
  return records;
}

char FindCsvDelimiter(std::string_view beginning, std::string_view column) {
  char found = ',';
  size_t most = 0;
  bool named = false;
  for (const char delimiter : {',', ';', '\t', '|'}) {
    const std::vector<std::string> fields = SplitCsvRecord(beginning, delimiter);
    const bool names = std::find(fields.begin(), fields.end(), column) != fields.end();
    if (names < named || (names == named && fields.size() <= most)) continue;
    found = delimiter;
    most = fields.size();
    named = names;
  }
  return found;
}

}  // namespace minnow
