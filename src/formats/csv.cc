// SPDX-License-Identifier: Apache-2.0
// CSV, one field at a time.
#include "formats/csv.h"

#include <algorithm>
#include <utility>

namespace minnow {
namespace {

class Parser {
 public:
  // An empty `name`: messages name no place.
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Result<std::vector<std::vector<std::string>>> Parse() {
    std::vector<std::vector<std::string>> records;
    while (at_ < text_.size()) {
      std::vector<std::string> record;
      do {
        MINNOW_ASSIGN_OR_RETURN(std::string field,
                                text_.substr(at_).starts_with('"') ? Quoted() : Plain());
        record.push_back(std::move(field));
      } while (TakeComma());
      MINNOW_RETURN_IF_ERROR(EndLine());
      records.push_back(std::move(record));
    }
    return records;
  }

 private:
  Error Wrong(const char* what) const {
    if (name_.empty()) return Error{Code::kInvalidArgument, what};
    const auto line = std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(at_), '\n');
    return Error{Code::kCorrupt, name_ + ": line " + std::to_string(line + 1) + ": " + what};
  }

  Result<std::string> Plain() {
    const size_t end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
    if (end < text_.size() && text_[end] == '"') return Wrong("a quote inside an unquoted field");
    std::string field(text_.substr(at_, end - at_));
    at_ = end;
    return field;
  }

  Result<std::string> Quoted() {
    std::string field;
    for (++at_;; ++at_) {
      const size_t end = text_.find('"', at_);
      if (end == text_.npos) return Wrong("no closing quote");
      field += text_.substr(at_, end - at_);
      at_ = end + 1;
      if (!text_.substr(at_).starts_with('"')) return field;
      field += '"';
    }
  }

  bool TakeComma() {
    if (!text_.substr(at_).starts_with(',')) return false;
    ++at_;
    return true;
  }

  Status EndLine() {
    if (text_.substr(at_).starts_with('\r')) ++at_;
    if (at_ == text_.size()) return {};
    if (text_[at_] != '\n') return Wrong("text after a closing quote");
    ++at_;
    return {};
  }

  const std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<std::vector<std::string>>> ParseCsv(std::string_view text,
                                                       const std::string& name) {
  return Parser(text, name).Parse();
}

Result<std::vector<std::string>> ParseCsvRecord(std::string_view text) {
  MINNOW_ASSIGN_OR_RETURN(auto records, Parser(text, "").Parse());
  if (records.empty()) return std::vector<std::string>(1);
  if (records.size() > 1) return Error{Code::kInvalidArgument, "more than one record"};
  return std::move(records.front());
}

}  // namespace minnow
