// SPDX-License-Identifier: Apache-2.0
#include "index/store/index_state.h"

#include <algorithm>
#include <utility>

#include "formats/json.h"
#include "index/store/schema.h"

namespace minnow {
namespace {

constexpr int64_t kTextVersion = 1;  // of ExtractText: deletes compute the same text again
constexpr auto kMaxDimensions = static_cast<int64_t>(kMaxVectorDimensions);

Status NotThere(const std::string& name) {
  return Error{Code::kNotFound, "index " + QuoteForMessage(name) + ": does not exist"};
}

Status CheckListed(Database* database, int64_t index, const std::string& what) {
  MINNOW_ASSIGN_OR_RETURN(Statement find,
                          database->Prepare("SELECT 1 FROM minnow_indexes WHERE id = ?"));
  find.Bind(1, index);
  MINNOW_ASSIGN_OR_RETURN(const bool listed, find.Step());
  return listed ? Status() : NotThere(what);
}

}  // namespace

std::string IndexState::Sql(std::string_view sql) const { return IndexSql(id, sql); }

Status IndexState::CheckAlive() const { return dropped ? NotThere(name) : Status(); }

Result<Connections::Writer> IndexState::Write() const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, connections->Write());
  // Under the writer's lock, which DropIndex takes too.
  MINNOW_RETURN_IF_ERROR(CheckAlive());
  return writer;
}

Result<Connections::Reader> IndexState::Read() const {
  MINNOW_RETURN_IF_ERROR(CheckAlive());
  return connections->Read();
}

Result<Transaction> IndexState::BeginWrite(Database* database) const {
  return BeginIndexWrite(database, id, name);
}

Result<Transaction> IndexState::BeginRead(Database* database) const {
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction, Transaction::BeginRead(database));
  MINNOW_RETURN_IF_ERROR(CheckListed(database, id, name));
  return transaction;
}

Result<Transaction> BeginIndexWrite(Database* database, int64_t index, const std::string& what) {
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction, Transaction::BeginWrite(database));
  MINNOW_RETURN_IF_ERROR(CheckListed(database, index, what));
  return transaction;
}

std::string SettingsJson(const IndexSettings& settings) {
  std::string json;
  JsonWriter writer(&json);
  writer.BeginObject();
  writer.Key("text_fields");
  writer.BeginArray();
  for (const std::string& field : settings.text_fields) writer.String(field);
  writer.EndArray();
  writer.Key("id_field");
  writer.String(settings.id_field);
  writer.Key("text_version");
  writer.Int(kTextVersion);
  writer.EndObject();
  return json;
}

Result<IndexSettings> ParseSettings(std::string_view json, const std::string& where) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, where));
  const JsonView root = document.root();
  MINNOW_ASSIGN_OR_RETURN(const int64_t version, root.GetInt("text_version", 1, INT32_MAX));
  if (version != kTextVersion) {
    return Error{Code::kUnsupported, where + ": text_version " + std::to_string(version) +
                                         ", this program knows " + std::to_string(kTextVersion)};
  }
  IndexSettings settings;
  MINNOW_ASSIGN_OR_RETURN(const JsonView fields, root.Get("text_fields"));
  for (const JsonView field : fields.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view name, field.String());
    settings.text_fields.emplace_back(name);
  }
  MINNOW_ASSIGN_OR_RETURN(settings.id_field, root.GetString("id_field"));
  return settings;
}

std::string ModelJson(const ModelIdentity& model) {
  std::string json;
  JsonWriter writer(&json);
  writer.BeginObject();
  writer.Key("name");
  writer.String(model.name);
  writer.Key("dtype");
  writer.String(model.dtype);
  writer.Key("checksum");
  writer.String(model.checksum);
  writer.Key("dimensions");
  writer.Uint(model.dimensions);
  if (!model.path.empty()) {
    writer.Key("path");
    writer.String(model.path);
  }
  writer.EndObject();
  return json;
}

Result<ModelIdentity> ParseModel(std::string_view json, const std::string& where) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, where));
  const JsonView root = document.root();
  ModelIdentity model;
  MINNOW_ASSIGN_OR_RETURN(model.name, root.GetString("name"));
  MINNOW_ASSIGN_OR_RETURN(model.dtype, root.GetString("dtype"));
  MINNOW_ASSIGN_OR_RETURN(model.checksum, root.GetString("checksum"));
  MINNOW_ASSIGN_OR_RETURN(const int64_t dimensions, root.GetInt("dimensions", 1, kMaxDimensions));
  model.dimensions = static_cast<size_t>(dimensions);
  MINNOW_ASSIGN_OR_RETURN(model.path, root.GetString("path", ""));
  return model;
}

Result<size_t> CountDocuments(Database* database, int64_t index) {
  MINNOW_ASSIGN_OR_RETURN(Statement read,
                          database->Prepare("SELECT documents FROM minnow_indexes WHERE id = ?"));
  read.Bind(1, index);
  MINNOW_ASSIGN_OR_RETURN(const bool row, read.Step());
  return row ? static_cast<size_t>(std::max<int64_t>(read.Int(0), 0)) : 0;
}

Result<std::optional<ModelIdentity>> ReadModel(Database* database, int64_t index) {
  MINNOW_ASSIGN_OR_RETURN(Statement read,
                          database->Prepare("SELECT model FROM minnow_indexes WHERE id = ?"));
  read.Bind(1, index);
  MINNOW_ASSIGN_OR_RETURN(const bool row, read.Step());
  if (!row || read.IsNull(0)) return std::optional<ModelIdentity>();
  MINNOW_ASSIGN_OR_RETURN(ModelIdentity model,
                          ParseModel(read.Text(0), database->path() + ": minnow_indexes.model"));
  return std::optional<ModelIdentity>(std::move(model));
}

}  // namespace minnow
