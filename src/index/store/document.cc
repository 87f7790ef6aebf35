// SPDX-License-Identifier: Apache-2.0
#include "index/store/document.h"

#include <bit>
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

Status AppendField(const JsonView& value, std::string* text) {
  if (value.is_null()) return {};
  if (value.is_array()) {
    for (const JsonView item : value.Items()) {
      if (!item.is_string()) return value.Expected("a string or an array of strings");
      MINNOW_ASSIGN_OR_RETURN(const std::string_view line, item.String());
      AppendLine(line, text);
    }
    return {};
  }
  if (!value.is_string()) return value.Expected("a string or an array of strings");
  MINNOW_ASSIGN_OR_RETURN(const std::string_view line, value.String());
  AppendLine(line, text);
  return {};
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
