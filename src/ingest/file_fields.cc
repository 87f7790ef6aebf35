// SPDX-License-Identifier: Apache-2.0
// What a file's path says.
#include "ingest/file_fields.h"

#include "index/store/search_index.h"
#include "text/unicode.h"

namespace minnow {

namespace {
constexpr size_t kMaxTitleBytes = 300;
}  // namespace

std::string_view FileName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void WriteFileFields(const FileFields& fields, JsonWriter& json) {
  json.Key("id");
  json.String(fields.id);
  json.Key("path");
  json.String(fields.path);
  json.Key("dir");
  const size_t slash = fields.path.rfind('/');
  json.String(slash == fields.path.npos ? "." : fields.path.substr(0, slash));
  if (!fields.lang.empty()) {
    json.Key("lang");
    json.String(fields.lang);
  }
  json.Key("kind");
  json.String(fields.kind);
}

std::string_view CutUtf8(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && IsUtf8Continuation(text[limit])) --limit;
  return text.substr(0, limit);
}

std::string TextDocument(const FileFields& fields, std::string_view title, std::string_view text) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject();
  WriteFileFields(fields, json);
  json.Key("title");
  json.String(title.empty() ? FileName(fields.path) : CutUtf8(title, kMaxTitleBytes));
  json.Key("text");
  json.String(text);
  json.EndObject();
  return out;
}

std::optional<std::string> FilePathOf(std::string_view json) {
  const auto parsed = JsonDocument::Parse(json, "");
  if (!parsed.ok()) return std::nullopt;
  const auto field = [&parsed](std::string_view name) {
    const auto text = parsed->root().GetString(name);
    return text.ok() ? *text : std::string_view();
  };
  const FileFields fields = {field("id"), field("path"), field("lang"), field("kind")};
  if (fields.path.empty() || !fields.id.starts_with(fields.path)) return std::nullopt;
  const std::string_view rest = fields.id.substr(fields.path.size());
  if (!rest.empty() && rest[0] != '#' && rest[0] != ':') return std::nullopt;
  std::string head;
  JsonWriter writer(&head);
  writer.BeginObject();
  WriteFileFields(fields, writer);
  if (!json.starts_with(head)) return std::nullopt;
  return std::string(fields.path);
}

Status VisitFileDocuments(
    const SearchIndex& index,
    const std::function<void(const std::string& id, const std::string& path)>& visit) {
  return index.VisitDocuments([&](std::string_view id, std::string_view json) {
    if (const auto path = FilePathOf(json)) visit(std::string(id), *path);
  });
}

}  // namespace minnow
