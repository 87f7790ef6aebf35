// SPDX-License-Identifier: Apache-2.0
#include "index/store/schema.h"

#include <array>
#include <vector>

namespace minnow {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE minnow_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE minnow_indexes(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  settings TEXT NOT NULL,
  model TEXT,
  created_at INTEGER NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  vector_epoch INTEGER NOT NULL DEFAULT 0,
  documents INTEGER NOT NULL DEFAULT 0,
  chunks INTEGER NOT NULL DEFAULT 0,
  vectors INTEGER NOT NULL DEFAULT 0,
  removed_floor INTEGER NOT NULL DEFAULT 0,
  sidecar BLOB,
  next_sidecar BLOB);
CREATE TABLE minnow_tasks(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  index_id INTEGER NOT NULL,
  index_name TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  documents INTEGER NOT NULL,
  first_chunk INTEGER NOT NULL,
  last_chunk INTEGER NOT NULL,
  enqueued_at INTEGER NOT NULL,
  finished_at INTEGER,
  error TEXT);
CREATE INDEX minnow_tasks_open ON minnow_tasks(index_id, last_chunk) WHERE status = 'processing';
)sql";

constexpr const char* kIndexTables = R"sql(
CREATE TABLE {documents}(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  hash INTEGER NOT NULL,
  json TEXT NOT NULL);
CREATE TABLE {chunks}(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  "begin" INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  vector_id INTEGER);
CREATE INDEX {chunks}_of_document ON {chunks}(document_id);
CREATE INDEX {chunks}_pending ON {chunks}(id) WHERE vector_id IS NULL;
CREATE TABLE {vectors}(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id INTEGER NOT NULL,
  chunk_id INTEGER NOT NULL,
  vector BLOB NOT NULL);
CREATE TABLE {removed}(
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id INTEGER,
  vector_id INTEGER);
CREATE VIRTUAL TABLE {lexical} USING fts5(
  text, content='', tokenize='porter unicode61 remove_diacritics 2');
)sql";

Result<bool> HasStore(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(
      const int64_t tables,
      database->QueryInt(
          "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'minnow_meta'"));
  return tables == 1;
}

Result<int64_t> ReadVersion(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(
      const int64_t version,
      database->QueryInt("SELECT value FROM minnow_meta WHERE key = 'version'"));
  if (version >= 1 && version <= kStoreVersion) return version;
  return Error{Code::kUnsupported,
               database->path() + ": index of version " + std::to_string(version) +
                   ", this program knows versions up to " + std::to_string(kStoreVersion)};
}

// What takes a store from version i to i + 1; no two versions share a step once released.
struct Migration {
  const char* shared;
  const char* each_index;  // with the braces of IndexSql
};
constexpr std::array<Migration, kStoreVersion> kMigrations = {{{kTables, ""}}};

Status Migrate(Database* database, const Migration& migration) {
  MINNOW_RETURN_IF_ERROR(database->Execute(migration.shared));
  std::vector<int64_t> indexes;
  MINNOW_ASSIGN_OR_RETURN(Statement list, database->Prepare("SELECT id FROM minnow_indexes"));
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) break;
    indexes.push_back(list.Int(0));
  }
  list.Reset();
  for (const int64_t index : indexes) {
    MINNOW_RETURN_IF_ERROR(database->Execute(IndexSql(index, migration.each_index)));
  }
  return {};
}

}  // namespace

Status PrepareSchema(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(const bool known, HasStore(database));
  if (known) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t version, ReadVersion(database));
    if (version == kStoreVersion) return {};  // without waiting for whoever writes
  }
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction, Transaction::BeginWrite(database));
  // Another process may have come before.
  MINNOW_ASSIGN_OR_RETURN(const bool exists, HasStore(database));
  int64_t version = 0;
  if (exists) {
    MINNOW_ASSIGN_OR_RETURN(version, ReadVersion(database));
  }
  for (; version < kStoreVersion; ++version) {
    MINNOW_RETURN_IF_ERROR(Migrate(database, kMigrations[static_cast<size_t>(version)]));
  }
  MINNOW_ASSIGN_OR_RETURN(
      Statement write,
      database->Prepare("INSERT OR REPLACE INTO minnow_meta(key, value) VALUES('version', ?)"));
  MINNOW_RETURN_IF_ERROR(write.Bind(1, kStoreVersion).Run());
  return transaction.Commit();
}

Status CheckHoldsStore(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(const bool exists, HasStore(database));
  if (!exists) return Error{Code::kNotFound, database->path() + ": holds no index of minnow"};
  return {};
}

Status CheckSchema(Database* database) {
  MINNOW_RETURN_IF_ERROR(CheckHoldsStore(database));
  MINNOW_ASSIGN_OR_RETURN(const int64_t version, ReadVersion(database));
  if (version == kStoreVersion) return {};
  return Error{Code::kUnsupported, database->path() + ": index of version " +
                                       std::to_string(version) +
                                       ": open it once for writing, which makes it version " +
                                       std::to_string(kStoreVersion)};
}

Status CreateIndexTables(Database* database, int64_t index) {
  return database->Execute(IndexSql(index, kIndexTables));
}

Status DropIndexTables(Database* database, int64_t index) {
  return database->Execute(
      IndexSql(index,
               "DROP TABLE {documents};DROP TABLE {chunks};DROP TABLE {vectors};"
               "DROP TABLE {removed};DROP TABLE {lexical};") +
      "DELETE FROM minnow_meta WHERE key = '" + NoteKey(index) + "'");
}

std::string NoteKey(int64_t index) { return "note " + std::to_string(index); }

std::string IndexSql(int64_t index, std::string_view sql) {
  const std::string number = "_" + std::to_string(index);
  std::string result;
  result.reserve(sql.size() + 64);
  for (const char c : sql) {
    if (c == '{') {
      result += "minnow_";
    } else if (c == '}') {
      result += number;
    } else {
      result.push_back(c);
    }
  }
  return result;
}

}  // namespace minnow
