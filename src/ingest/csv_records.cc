// SPDX-License-Identifier: Apache-2.0
// Fields to members.
#include "ingest/csv_records.h"

#include <algorithm>

#include "formats/csv.h"
#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kMaxColumns = 1000;
constexpr std::string_view kAroundNames = " \"'";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualLetters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

size_t CountDigits(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// 12, -3.5 and 19.90, as JSON writes them too; not 007, +1 or 1e3, which are names of something.
bool IsPlainNumber(std::string_view text) {
  constexpr size_t kMaxWhole = 15;  // exact as a double
  constexpr size_t kMaxBytes = 64;
  if (text.size() > kMaxBytes) return false;
  if (text.starts_with('-')) text.remove_prefix(1);
  const size_t whole = CountDigits(text);
  if (whole == 0 || whole > kMaxWhole || (whole > 1 && text[0] == '0')) return false;
  text.remove_prefix(whole);
  if (text.empty()) return true;
  return text[0] == '.' && text.size() > 1 && CountDigits(text.substr(1)) == text.size() - 1;
}

bool IsBoolean(std::string_view text) {
  return EqualLetters(text, "true") || EqualLetters(text, "false");
}

std::string Listed(const std::vector<std::string>& names) {
  std::string list;
  constexpr size_t kShown = 10;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    list += (i > 0 ? ", " : "") + QuoteForMessage(names[i]);
  }
  return list + (names.size() > kShown ? ", ..." : "");
}

}  // namespace

Result<CsvHeader> CsvHeader::Parse(std::string_view row, char delimiter,
                                   const IndexSettings& settings) {
  std::vector<std::string> names = SplitCsvRecord(row, delimiter, kMaxColumns);
  if (names.size() > kMaxColumns) {
    return Error{Code::kInvalidArgument, "more than " + std::to_string(kMaxColumns) + " columns"};
  }
  CsvHeader header(delimiter);
  const auto& fields = settings.text_fields;
  for (const std::string& name : names) {
    header.unnamed_ += name.empty();
    if (!name.empty() && std::count(names.begin(), names.end(), name) > 1) {
      return Error{Code::kInvalidArgument, "column " + QuoteForMessage(name) + " stands twice"};
    }
    const bool text = name == settings.id_field || name == "title" || name == "text" ||
                      std::find(fields.begin(), fields.end(), name) != fields.end();
    header.columns_.push_back({name, !text, !text});
  }
  if (std::find(names.begin(), names.end(), settings.id_field) == names.end()) {
    std::erase(names, "");
    return Error{Code::kInvalidArgument, "no column " + QuoteForMessage(settings.id_field) +
                                             " for the id (--id-field names another; there are " +
                                             Listed(names) + ")"};
  }
  return header;
}

bool CsvHeader::NamesId(std::string_view row, char delimiter, const IndexSettings& settings) {
  const std::vector<std::string> names = SplitCsvRecord(row, delimiter, kMaxColumns);
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    const size_t begin = std::min(name.find_first_not_of(kAroundNames), name.size());
    name.remove_prefix(begin);
    return EqualLetters(name.substr(0, name.find_last_not_of(kAroundNames) + 1), settings.id_field);
  });
}

Result<std::vector<std::string>> CsvHeader::Cells(std::string_view row) const {
  std::vector<std::string> cells = SplitCsvRecord(row, delimiter_, kMaxColumns);
  if (cells.size() == columns_.size()) return cells;
  return Error{Code::kInvalidArgument, std::to_string(cells.size()) + " fields, but " +
                                           std::to_string(columns_.size()) + " columns"};
}

bool CsvHeader::Learn(std::string_view row) {
  const auto cells = Cells(row);
  if (!cells.ok()) return true;
  bool open = false;
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    const std::string& cell = (*cells)[i];
    if (!cell.empty()) {
      column.number = column.number && IsPlainNumber(cell);
      column.boolean = column.boolean && IsBoolean(cell);
    }
    if (column.name.empty()) continue;
    open = open || column.number || column.boolean;
  }
  return open;
}

Result<std::string> CsvHeader::ToJson(std::string_view row) const {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<std::string> cells, Cells(row));
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string& cell = cells[i];
    const Column& column = columns_[i];
    if (cell.empty() || column.name.empty()) continue;
    json.Key(column.name);
    if (column.number && IsPlainNumber(cell)) {
      json.Raw(cell);
    } else if (column.boolean && IsBoolean(cell)) {
      json.Bool(Lower(cell[0]) == 't');
    } else if (column.number || column.boolean) {
      return Error{Code::kInvalidArgument, "column " + QuoteForMessage(column.name) +
                                               ": the file has changed while it was read"};
    } else {
      json.String(cell);
    }
  }
  json.EndObject();
  return text;
}

}  // namespace minnow
