// SPDX-License-Identifier: Apache-2.0
#include "index/store/document.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <optional>

#include "formats/json_surrogates.h"
#include "formats/xxh64.h"

namespace minnow {
namespace {

std::optional<JsonView> FindPath(const JsonView& object, std::string_view path) {
  // A member whose name has a dot in it wins over the path.
  if (auto member = object.Find(path)) return member;
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto outer = object.Find(path.substr(0, dot));
  if (!outer) return std::nullopt;
  return FindPath(*outer, path.substr(dot + 1));
}

void AppendLine(std::string_view line, std::string* text) {
  if (!text->empty()) text->push_back('\n');
  text->append(line);
}

// Numbers and booleans are text as JSON writes them: a title may be 1984.
Status AppendScalar(const JsonView& value, const JsonView& field, std::string* text) {
  if (value.is_string()) {
    AppendLine(*value.String(), text);
  } else if (value.type() == JsonType::kNumber || value.type() == JsonType::kBool) {
    AppendLine(value.Describe(), text);
  } else {
    return field.Expected("a string or an array of strings");
  }
  return {};
}

Status AppendField(const JsonView& value, std::string* text) {
  if (value.is_null()) return {};
  if (!value.is_array()) return AppendScalar(value, value, text);
  for (const JsonView item : value.Items()) {
    MINNOW_RETURN_IF_ERROR(AppendScalar(item, value, text));
  }
  return {};
}

// "; it may be "_id", ..." for members that look like ids; "" where none does.
std::string ListIds(const JsonView& object) {
  constexpr std::string_view kNames[] = {"key", "uuid", "guid", "pk",
                                         "url", "path", "slug", "isbn"};
  constexpr size_t kMost = 3;
  std::string list;
  size_t listed = 0;
  for (size_t i = 0; object.is_object() && i < object.size() && listed < kMost; ++i) {
    const JsonView value = object.at(i);
    if (!value.is_string() && value.type() != JsonType::kNumber) continue;
    std::string plain;
    for (const char c : object.key(i)) {
      if (c != '_' && c != '-' && c != '$') {
        plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      }
    }
    const bool named = std::find(std::begin(kNames), std::end(kNames), plain) != std::end(kNames);
    if (!named && !plain.ends_with("id")) continue;
    list += (listed++ == 0 ? "; it may be " : ", ") + QuoteForMessage(object.key(i));
  }
  return list;
}

}  // namespace

Result<std::string> ExtractText(const IndexSettings& settings, const JsonView& object) {
  std::string text;
  for (const std::string& field : settings.text_fields) {
    if (const auto value = FindPath(object, field)) {
      MINNOW_RETURN_IF_ERROR(AppendField(*value, &text));
    }
  }
  if (!settings.text_fields.empty()) return text;
  const auto title = object.Find("title");
  const auto body = object.Find("text");
  if (title || body) {
    if (title) MINNOW_RETURN_IF_ERROR(AppendField(*title, &text));
    if (body) MINNOW_RETURN_IF_ERROR(AppendField(*body, &text));
    return text;
  }
  for (size_t i = 0; i < object.size(); ++i) {
    const JsonView value = object.at(i);
    if (!value.is_string() || object.key(i) == settings.id_field) continue;
    MINNOW_RETURN_IF_ERROR(AppendField(value, &text));
  }
  return text;
}

int64_t HashDocument(std::string_view id, std::span<const ChunkRange> chunks,
                     std::string_view json) {
  Xxh64 hash;
  // With its length, so that no byte of one part can pass for one of the next.
  const uint64_t length = id.size();
  hash.Update(std::as_bytes(std::span(&length, 1)));
  hash.Update(std::as_bytes(std::span(id)));
  hash.Update(std::as_bytes(chunks));
  hash.Update(std::as_bytes(std::span(json)));
  return std::bit_cast<int64_t>(hash.Digest());
}

int64_t HashChunks(std::span<const ChunkRange> chunks) {
  Xxh64 hash;
  hash.Update(std::as_bytes(chunks));
  return std::bit_cast<int64_t>(hash.Digest());
}

Result<std::string> ExtractId(const IndexSettings& settings, const JsonView& object) {
  const auto found = object.Find(settings.id_field);
  if (!found && object.is_object()) {
    return object.Wrong("field " + QuoteForMessage(settings.id_field) +
                        " is missing; another can be the id (id_field, --id-field)" +
                        ListIds(object));
  }
  MINNOW_ASSIGN_OR_RETURN(const JsonView value, object.Get(settings.id_field));
  if (value.type() == JsonType::kNumber) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t number, value.Int(std::numeric_limits<int64_t>::min(),
                                                            std::numeric_limits<int64_t>::max()));
    return std::to_string(number);
  }
  if (!value.is_string()) return value.Expected("a string or an integer");
  MINNOW_ASSIGN_OR_RETURN(const std::string_view id, value.Name());
  if (id.empty() || id.size() > kMaxIdBytes) {
    return value.Wrong(std::to_string(id.size()) + " bytes, expected 1 to " +
                       std::to_string(kMaxIdBytes));
  }
  return std::string(id);
}

Result<Document> MakeDocument(const IndexSettings& settings, std::string_view json) {
  JsonLimits limits;
  limits.max_bytes = kMaxDocumentBytes;
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument parsed, JsonDocument::Parse(json, "", limits));
  MINNOW_ASSIGN_OR_RETURN(const JsonView object, parsed.root().Object());
  Document document;
  MINNOW_ASSIGN_OR_RETURN(document.id, ExtractId(settings, object));
  MINNOW_ASSIGN_OR_RETURN(document.text, ExtractText(settings, object));
  // Readers of the answer are stricter than we are.
  SurrogateRepair repair = RepairSurrogates(json);
  document.json = repair.strings.empty() ? std::string(json) : std::move(repair.text);
  return document;
}

}  // namespace minnow
