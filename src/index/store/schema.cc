// SPDX-License-Identifier: Apache-2.0
#include "index/store/schema.h"

#include <array>
#include <vector>

#include "index/query/lexical/tokenizer.h"
#include "index/store/index_state.h"
#include "index/store/index_writer.h"

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
)sql";

// Version 2 notes which words the full text is made of.
constexpr const char* kTables2 = R"sql(
ALTER TABLE minnow_indexes ADD COLUMN tokenizer_version INTEGER NOT NULL DEFAULT 1;
)sql";

// Of version 1 the table is the same, with whatever tokenizer there was.
std::string FullTextTable() {
  return std::string("CREATE VIRTUAL TABLE {lexical} USING fts5(text, content='', ") +
         kLexicalTable + ");";
}

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
constexpr std::array<Migration, kStoreVersion> kMigrations = {
    {{kTables, kIndexTables}, {kTables2, ""}}};

Result<std::vector<int64_t>> ListIds(Database* database, std::string_view sql) {
  MINNOW_ASSIGN_OR_RETURN(Statement list, database->Prepare(sql));
  std::vector<int64_t> ids;
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) return ids;
    ids.push_back(list.Int(0));
  }
}

Status Migrate(Database* database, const Migration& migration) {
  MINNOW_RETURN_IF_ERROR(database->Execute(migration.shared));
  MINNOW_ASSIGN_OR_RETURN(const auto indexes, ListIds(database, "SELECT id FROM minnow_indexes"));
  for (const int64_t index : indexes) {
    MINNOW_RETURN_IF_ERROR(database->Execute(IndexSql(index, migration.each_index)));
  }
  return {};
}

// Indexes whose full text another version of this program made, of other words.
Result<std::vector<int64_t>> ListStaleFullTexts(Database* database) {
  return ListIds(database, "SELECT id FROM minnow_indexes WHERE tokenizer_version <> " +
                               std::to_string(kLexicalVersion));
}

Status RebuildFullText(Database* database, int64_t index) {
  MINNOW_RETURN_IF_ERROR(
      database->Execute(IndexSql(index, "DROP TABLE {lexical};" + FullTextTable())));
  MINNOW_ASSIGN_OR_RETURN(Statement read,
                          database->Prepare("SELECT settings FROM minnow_indexes WHERE id = ?"));
  MINNOW_RETURN_IF_ERROR(read.Bind(1, index).Step());
  MINNOW_ASSIGN_OR_RETURN(
      const IndexSettings settings,
      ParseSettings(read.Text(0), database->path() + ": minnow_indexes.settings"));
  MINNOW_ASSIGN_OR_RETURN(Statement list,
                          database->Prepare(IndexSql(index, "SELECT id, json FROM {documents}")));
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) break;
    MINNOW_ASSIGN_OR_RETURN(const std::string text,
                            TextOfStored(settings, list.Text(1), database->path()));
    MINNOW_RETURN_IF_ERROR(AddToFullText(database, index, list.Int(0), text));
  }
  MINNOW_ASSIGN_OR_RETURN(
      Statement write,
      database->Prepare("UPDATE minnow_indexes SET tokenizer_version = ?, generation = generation "
                        "+ 1 WHERE id = ?"));
  return write.Bind(1, kLexicalVersion).Bind(2, index).Run();
}

}  // namespace

Status PrepareSchema(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(const bool known, HasStore(database));
  if (known) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t version, ReadVersion(database));
    if (version == kStoreVersion) {
      MINNOW_ASSIGN_OR_RETURN(const auto stale, ListStaleFullTexts(database));
      if (stale.empty()) return {};  // without waiting for whoever writes
    }
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
  MINNOW_ASSIGN_OR_RETURN(const auto stale, ListStaleFullTexts(database));
  for (const int64_t index : stale) {
    MINNOW_RETURN_IF_ERROR(RebuildFullText(database, index));
  }
  MINNOW_ASSIGN_OR_RETURN(
      Statement write,
      database->Prepare("INSERT OR REPLACE INTO minnow_meta(key, value) VALUES('version', ?)"));
  MINNOW_RETURN_IF_ERROR(write.Bind(1, kStoreVersion).Run());
  return transaction.Commit();
}

Status CheckSchema(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(const bool exists, HasStore(database));
  if (!exists) return Error{Code::kNotFound, database->path() + ": holds no index of minnow"};
  MINNOW_RETURN_IF_ERROR(ReadVersion(database));
  return {};
}

Status CreateIndexTables(Database* database, int64_t index) {
  std::string sql;
  for (const Migration& migration : kMigrations) sql += migration.each_index;
  return database->Execute(IndexSql(index, sql + FullTextTable()));
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
