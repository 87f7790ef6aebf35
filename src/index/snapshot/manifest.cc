// SPDX-License-Identifier: Apache-2.0
// The manifest's text: a checksum over the rest of it, then JSON as any other.
#include "index/snapshot/manifest.h"

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <set>
#include <span>

#include "formats/json.h"
#include "formats/xxh64.h"
#include "index/store/store_files.h"

namespace minnow {
namespace {

constexpr std::string_view kFormat = "minnow-snapshot";
constexpr int64_t kVersion = 1;
constexpr int64_t kMaxInteger = (int64_t{1} << 53) - 1;  // what any reader of JSON has exactly
constexpr int64_t kMaxBytes = int64_t{1} << 44;
constexpr size_t kMaxFiles = 1000;
constexpr size_t kMaxIndexes = 10'000;
constexpr size_t kMaxDimensions = 4096;
constexpr size_t kDigits = 16;
// {"xxh64":"0123456789abcdef",
constexpr std::string_view kGoesOn = "\",";
constexpr size_t kHeadBytes = kManifestBegins.size() + kDigits + kGoesOn.size();
constexpr std::string_view kStoreEnd = ".db";
constexpr std::string_view kSidecarMark = ".db-vectors-";
constexpr JsonLimits kLimits = {
    .max_bytes = kMaxManifestBytes, .max_depth = 8, .max_values = 400'000, .unique_names = true};

std::string Hex(uint64_t value) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof digits, "%016" PRIx64, value);
  return digits;
}

// Sixteen digits in lower case.
std::optional<uint64_t> ParseHex(std::string_view digits) {
  if (digits.size() != kDigits || digits.find_first_not_of("0123456789abcdef") != digits.npos) {
    return std::nullopt;
  }
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

uint64_t ChecksumOf(std::string_view text) {
  Xxh64 checksum;
  checksum.Update(std::as_bytes(std::span(text)));
  return checksum.Digest();
}

Status CheckText(std::string_view text, const std::string& name) {
  const auto wrong = [&name](const std::string& what) {
    return Error{Code::kCorrupt, name + ": " + what};
  };
  if (text.size() > kMaxManifestBytes) {
    return wrong("more than " + std::to_string(kMaxManifestBytes) + " bytes");
  }
  const auto told = text.size() < kHeadBytes
                        ? std::nullopt
                        : ParseHex(text.substr(kManifestBegins.size(), kDigits));
  if (!told || !text.starts_with(kManifestBegins) ||
      text.substr(kHeadBytes - kGoesOn.size(), kGoesOn.size()) != kGoesOn) {
    return wrong("is no manifest of a snapshot: it does not begin with " +
                 std::string(kManifestBegins) + " and a checksum");
  }
  const uint64_t actual = ChecksumOf(text.substr(kHeadBytes));
  if (actual == *told) return {};
  return wrong("was cut or changed: its checksum is " + Hex(actual) + ", not " + Hex(*told));
}

Result<SnapshotFile> ParseFile(const JsonView& view) {
  SnapshotFile file;
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, view.GetString("name"));
  file.name = name;
  MINNOW_ASSIGN_OR_RETURN(const int64_t bytes, view.GetInt("bytes", 1, kMaxBytes));
  file.bytes = static_cast<uint64_t>(bytes);
  MINNOW_ASSIGN_OR_RETURN(const JsonView digits, view.Get("xxh64"));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, digits.String());
  const auto checksum = ParseHex(text);
  if (!checksum) return digits.Expected("16 hexadecimal digits in lower case");
  file.checksum = *checksum;
  return file;
}

Result<std::optional<ModelIdentity>> ParseModel(const JsonView& index) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView view, index.Get("model"));
  if (view.is_null()) return std::optional<ModelIdentity>();
  ModelIdentity model;
  for (const auto& [name, value] :
       {std::pair("name", &model.name), {"dtype", &model.dtype}, {"checksum", &model.checksum}}) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, view.GetString(name));
    *value = text;
  }
  MINNOW_ASSIGN_OR_RETURN(const int64_t dimensions, view.GetInt("dimensions", 1, kMaxDimensions));
  model.dimensions = static_cast<size_t>(dimensions);
  return std::optional(std::move(model));
}

Result<SnapshotIndex> ParseIndex(const JsonView& view) {
  SnapshotIndex index;
  MINNOW_ASSIGN_OR_RETURN(index.id, view.GetInt("id", 1, kMaxInteger));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, view.GetString("name"));
  index.name = name;
  for (const auto& [field, value] : {std::pair("made_unix_ms", &index.made_unix_ms),
                                     {"changes", &index.changes},
                                     {"documents", &index.documents},
                                     {"passages", &index.passages},
                                     {"waiting", &index.waiting}}) {
    MINNOW_ASSIGN_OR_RETURN(*value, view.GetInt(field, 0, kMaxInteger));
  }
  MINNOW_ASSIGN_OR_RETURN(index.model, ParseModel(view));
  return index;
}

// Parses each item of an array that has one to `most` of them (`none`: or none at all).
template <class Item, class Parse>
Result<std::vector<Item>> ParseList(const JsonView& root, const char* field, bool none, size_t most,
                                    const Parse& parse) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView list, root.Get(field));
  MINNOW_RETURN_IF_ERROR(list.Array());
  if (list.size() > most || (list.size() == 0 && !none)) {
    return list.Expected((none ? "at most " : "1 to ") + std::to_string(most) + " items");
  }
  std::vector<Item> items;
  for (const JsonView view : list.Items()) {
    MINNOW_RETURN_IF_ERROR(view.Object());
    MINNOW_ASSIGN_OR_RETURN(Item item, parse(view));
    items.push_back(std::move(item));
  }
  return items;
}

// The names follow from the rest, so that none of them leads anywhere else.
Status CheckNames(const SnapshotManifest& manifest, const std::string& name) {
  const std::string store = SnapshotStoreName(manifest.generation, manifest.store().checksum);
  std::set<std::string> left = {store};
  for (const SnapshotIndex& index : manifest.indexes) left.insert(SidecarPath(store, index.id));
  uint64_t bytes = 0;
  for (size_t i = 0; i < manifest.files.size(); ++i) {
    const SnapshotFile& file = manifest.files[i];
    bytes += file.bytes;
    if (left.erase(file.name) == 1 && (i == 0) == (file.name == store)) continue;
    return Error{Code::kCorrupt,
                 name + ": files[" + std::to_string(i) + "].name: expected " +
                     (i == 0 ? store : store + "-vectors- and an index's id, once") + ", got " +
                     QuoteForMessage(file.name)};
  }
  if (bytes <= static_cast<uint64_t>(kMaxBytes)) return {};
  return Error{Code::kCorrupt,
               name + ": files: more than " + std::to_string(kMaxBytes) + " bytes together"};
}

void WriteModel(const std::optional<ModelIdentity>& model, JsonWriter& json) {
  json.Key("model");
  if (!model) return json.Null();
  json.BeginObject();
  for (const auto& [name, value] : {std::pair("name", &model->name),
                                    {"dtype", &model->dtype},
                                    {"checksum", &model->checksum}}) {
    json.Key(name);
    json.String(*value);
  }
  json.Key("dimensions");
  json.Uint(model->dimensions);
  json.EndObject();
}

void WriteIndex(const SnapshotIndex& index, JsonWriter& json) {
  json.BeginObject();
  json.Key("id");
  json.Int(index.id);
  json.Key("name");
  json.String(index.name);
  for (const auto& [field, value] : {std::pair("made_unix_ms", index.made_unix_ms),
                                     {"changes", index.changes},
                                     {"documents", index.documents},
                                     {"passages", index.passages},
                                     {"waiting", index.waiting}}) {
    json.Key(field);
    json.Int(value);
  }
  WriteModel(index.model, json);
  json.EndObject();
}

}  // namespace

std::string SnapshotStoreName(int64_t generation, uint64_t checksum) {
  return std::to_string(generation) + "-" + Hex(checksum) + std::string(kStoreEnd);
}

int64_t GenerationOfName(std::string_view name) {
  int64_t generation = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), generation);
  if (error != std::errc() || generation <= 0) return 0;
  name.remove_prefix(static_cast<size_t>(end - name.data()));
  if (name.size() < 1 + kDigits || name[0] != '-' || !ParseHex(name.substr(1, kDigits))) return 0;
  name.remove_prefix(1 + kDigits);
  const bool known = name == kStoreEnd || name.starts_with(kSidecarMark);
  return known ? generation : 0;
}

Result<SnapshotManifest> ParseManifest(std::string_view text, const std::string& name) {
  MINNOW_RETURN_IF_ERROR(CheckText(text, name));
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, name, kLimits));
  const JsonView root = document.root();
  MINNOW_ASSIGN_OR_RETURN(const JsonView format, root.Get("format"));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view format_name, format.String());
  if (format_name != kFormat) return format.Expected("\"" + std::string(kFormat) + "\"");
  MINNOW_ASSIGN_OR_RETURN(const int64_t version, root.GetInt("version", 1, kMaxInteger));
  if (version > kVersion) {
    return Error{Code::kUnsupported, name + ": version " + std::to_string(version) +
                                         ", this program reads up to " + std::to_string(kVersion)};
  }
  SnapshotManifest manifest;
  MINNOW_ASSIGN_OR_RETURN(manifest.generation, root.GetInt("generation", 1, kMaxInteger));
  MINNOW_ASSIGN_OR_RETURN(manifest.created_unix_ms, root.GetInt("created_unix_ms", 0, kMaxInteger));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view program, root.GetString("program"));
  manifest.program = program;
  MINNOW_ASSIGN_OR_RETURN(manifest.files,
                          ParseList<SnapshotFile>(root, "files", false, kMaxFiles, ParseFile));
  MINNOW_ASSIGN_OR_RETURN(manifest.indexes,
                          ParseList<SnapshotIndex>(root, "indexes", true, kMaxIndexes, ParseIndex));
  MINNOW_RETURN_IF_ERROR(CheckNames(manifest, name));
  return manifest;
}

std::string WriteManifest(const SnapshotManifest& manifest) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("xxh64");
  json.String(Hex(0));
  json.Key("format");
  json.String(kFormat);
  json.Key("version");
  json.Int(kVersion);
  json.Key("generation");
  json.Int(manifest.generation);
  json.Key("created_unix_ms");
  json.Int(manifest.created_unix_ms);
  json.Key("program");
  json.String(manifest.program);
  json.Key("files");
  json.BeginArray();
  for (const SnapshotFile& file : manifest.files) {
    json.BeginObject();
    json.Key("name");
    json.String(file.name);
    json.Key("bytes");
    json.Uint(file.bytes);
    json.Key("xxh64");
    json.String(Hex(file.checksum));
    json.EndObject();
  }
  json.EndArray();
  json.Key("indexes");
  json.BeginArray();
  for (const SnapshotIndex& index : manifest.indexes) WriteIndex(index, json);
  json.EndArray();
  json.EndObject();
  text += '\n';
  text.replace(kManifestBegins.size(), kDigits,
               Hex(ChecksumOf(std::string_view(text).substr(kHeadBytes))));
  return text;
}

}  // namespace minnow
