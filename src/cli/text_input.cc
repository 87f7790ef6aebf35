// SPDX-License-Identifier: Apache-2.0
// Lines, and JSON strings out of lines.
#include "cli/text_input.h"

#include <limits>
#include <utility>

#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kLineLimitBytes = size_t{64} << 20;

}  // namespace

Result<std::vector<TokenId>> ParseIds(std::string_view line) {
  const auto document = JsonDocument::Parse(line, "");
  if (!document.ok()) return Error{Code::kInvalidArgument, document.error().message};
  MINNOW_ASSIGN_OR_RETURN(const JsonView list, document->root().Array());
  std::vector<TokenId> ids;
  for (const JsonView item : list.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t id, item.Int(0, std::numeric_limits<TokenId>::max()));
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

TextInput::TextInput(std::vector<std::string> arguments, bool json, int descriptor)
    : arguments_(std::move(arguments)),
      json_(json),
      lines_(InputStream(descriptor, "standard input"), RecordFormat::kLines, kLineLimitBytes) {}

std::string TextInput::Where() const {
  return (arguments_.empty() ? "line " : "argument ") + std::to_string(texts_);
}

Result<std::optional<std::string_view>> TextInput::Next() {
  std::optional<std::string_view> text;
  if (arguments_.empty()) {
    MINNOW_ASSIGN_OR_RETURN(text, NextLine());
  } else if (texts_ < arguments_.size()) {
    text = arguments_[texts_];
  }
  if (!text) return text;
  ++texts_;
  if (!json_) return text;
  MINNOW_ASSIGN_OR_RETURN(text, ParseJson(*text));
  return text;
}

Result<std::string_view> TextInput::ParseJson(std::string_view text) {
  Result<JsonDocument> document = JsonDocument::Parse(text, Where());
  if (!document.ok()) return Error{Code::kInvalidArgument, document.error().message};
  MINNOW_ASSIGN_OR_RETURN(const std::string_view parsed, document->root().String());
  json_text_ = parsed;
  return std::string_view(json_text_);
}

Result<std::optional<std::string_view>> TextInput::NextLine() {
  MINNOW_ASSIGN_OR_RETURN(const std::optional<RawRecord> line, lines_.Next());
  if (!line) return std::optional<std::string_view>();
  if (line->too_long) {
    return Error{Code::kInvalidArgument, "line " + std::to_string(texts_ + 1) + ": longer than " +
                                             std::to_string(kLineLimitBytes) + " bytes"};
  }
  return std::optional<std::string_view>(line->bytes);
}

bool TextInput::ready() const { return !arguments_.empty() || lines_.ready(); }

}  // namespace minnow
