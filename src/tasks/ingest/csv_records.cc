// SPDX-License-Identifier: Apache-2.0
// Fields to members.
#include "tasks/ingest/csv_records.h"

#include <algorithm>
#include <charconv>

#include "formats/csv.h"
#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kMaxColumns = 1000;

// 12, -3.5, but not 007, +1, 1e3 or 1.50: those would not come out as they went in.
bool IsPlainNumber(std::string_view text) {
  constexpr size_t kMaxDigits = 15;  // exact as a double
  if (text.empty() || text.size() > kMaxDigits) return false;
  if (text.find_first_not_of("0123456789.-") != text.npos || text == "-0") return false;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  char back[32];
  const auto written = std::to_chars(back, back + sizeof back, value, std::chars_format::fixed);
  return std::string_view(back, static_cast<size_t>(written.ptr - back)) == text;
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

Result<CsvHeader> CsvHeader::Parse(std::string_view row, const IndexSettings& settings) {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<std::string> names, ParseCsvRecord(row));
  if (names.size() > kMaxColumns) {
    return Error{Code::kInvalidArgument,
                 std::to_string(names.size()) + " columns, limit " + std::to_string(kMaxColumns)};
  }
  CsvHeader header;
  const auto& fields = settings.text_fields;
  for (const std::string& name : names) {
    if (name.empty()) return Error{Code::kInvalidArgument, "a column has no name"};
    if (std::count(names.begin(), names.end(), name) > 1) {
      return Error{Code::kInvalidArgument, "column " + QuoteForMessage(name) + " stands twice"};
    }
    const bool text = name == settings.id_field || name == "title" || name == "text" ||
                      std::find(fields.begin(), fields.end(), name) != fields.end();
    header.columns_.push_back({name, text});
  }
  if (std::find(names.begin(), names.end(), settings.id_field) == names.end()) {
    return Error{Code::kInvalidArgument, "no column " + QuoteForMessage(settings.id_field) +
                                             " for the id (--id-field names another; there are " +
                                             Listed(names) + ")"};
  }
  return header;
}

Result<std::string> CsvHeader::ToJson(std::string_view row) const {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<std::string> fields, ParseCsvRecord(row));
  if (fields.size() != columns_.size()) {
    return Error{Code::kInvalidArgument, std::to_string(fields.size()) + " fields, but " +
                                             std::to_string(columns_.size()) + " columns"};
  }
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].empty()) continue;
    json.Key(columns_[i].name);
    if (!columns_[i].text && IsPlainNumber(fields[i])) {
      json.Raw(fields[i]);
    } else {
      json.String(fields[i]);
    }
  }
  json.EndObject();
  return text;
}

}  // namespace minnow
