// SPDX-License-Identifier: Apache-2.0
#include "index/store/verify.h"

#include <sqlite3.h>

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "formats/json.h"
#include "index/store/schema.h"
#include "index/store/store_files.h"

namespace minnow {
namespace {

constexpr int kProgressSteps = 1'000'000;  // of SQLite's machine, some milliseconds
constexpr uint64_t kProgressRows = 1024;

// Tells a long statement's life signs on, and stops it when asked to.
class StatementProgress {
 public:
  StatementProgress(Database* database, const Progress& progress)
      : database_(database), progress_(progress) {
    if (progress_) sqlite3_progress_handler(database_->handle(), kProgressSteps, Tick, this);
  }
  ~StatementProgress() { sqlite3_progress_handler(database_->handle(), 0, nullptr, nullptr); }
  StatementProgress(const StatementProgress&) = delete;
  StatementProgress& operator=(const StatementProgress&) = delete;

  bool stopped() const { return stopped_; }

 private:
  static int Tick(void* self) {
    auto* progress = static_cast<StatementProgress*>(self);
    progress->stopped_ = !progress->progress_(0, 0);
    return progress->stopped_ ? 1 : 0;
  }

  Database* database_;
  const Progress& progress_;
  bool stopped_ = false;
};

Error Stopped(const Database& database) {
  return Error{Code::kDeadline, database.path() + ": stopped"};
}

// Counts that must be the same, by two ways to count.
struct Pair {
  const char* what;
  const char* one;
  const char* other;
};

constexpr Pair kPairs[] = {
    {"documents", "SELECT count(*) FROM {documents}",
     "SELECT documents FROM minnow_indexes WHERE id = ?"},
    {"chunks", "SELECT count(*) FROM {chunks}", "SELECT chunks FROM minnow_indexes WHERE id = ?"},
    {"vectors", "SELECT count(*) FROM {vectors}",
     "SELECT vectors FROM minnow_indexes WHERE id = ?"},
    {"chunks with vectors", "SELECT count(*) FROM {chunks} WHERE vector_id > 0",
     "SELECT count(*) FROM {chunks} c JOIN {vectors} v ON v.id = c.vector_id AND v.chunk_id = c.id "
     "AND v.document_id = c.document_id"},
    {"vectors of chunks", "SELECT count(*) FROM {vectors}",
     "SELECT count(*) FROM {chunks} WHERE vector_id > 0"},
    {"chunks of documents", "SELECT count(*) FROM {chunks}",
     "SELECT count(*) FROM {chunks} c JOIN {documents} d ON d.id = c.document_id"},
    {"documents in full text", "SELECT count(*) FROM {lexical}_docsize",
     "SELECT count(*) FROM {documents}"},
};

Result<int64_t> Count(Database* database, const IndexState& state, const char* sql) {
  MINNOW_ASSIGN_OR_RETURN(Statement count, database->Prepare(state.Sql(sql)));
  if (std::strchr(sql, '?') != nullptr) count.Bind(1, state.id);
  MINNOW_ASSIGN_OR_RETURN(const bool row, count.Step());
  return row ? count.Int(0) : -1;
}

Error Wrong(const Database& database, const IndexState& state, const std::string& message) {
  return Error{Code::kCorrupt, database.path() + ": index " + state.name + ": " + message};
}

// One chunk after the other, each document's text computed once.
Status VerifyDocuments(Database* database, const IndexState& state, const Progress& progress) {
  MINNOW_ASSIGN_OR_RETURN(const size_t total, CountDocuments(database, state.id));
  MINNOW_ASSIGN_OR_RETURN(
      Statement documents,
      database->Prepare(state.Sql("SELECT id, key, json, hash FROM {documents} ORDER BY id")));
  MINNOW_ASSIGN_OR_RETURN(
      Statement chunks,
      database->Prepare(state.Sql(
          R"sql(SELECT "begin", "end" FROM {chunks} WHERE document_id = ? ORDER BY ordinal)sql")));
  for (uint64_t done = 0;; ++done) {
    if (progress && done % kProgressRows == 0 && !progress(done, total)) return Stopped(*database);
    MINNOW_ASSIGN_OR_RETURN(const bool row, documents.Step());
    if (!row) return {};
    const std::string name = "document " + QuoteForMessage(documents.Text(1));
    const auto json = JsonDocument::Parse(documents.Text(2), "");
    if (!json.ok()) return Wrong(*database, state, name + ": " + json.error().message);
    const auto text = ExtractText(state.settings, json->root());
    if (!text.ok()) return Wrong(*database, state, name + ": " + text.error().message);
    chunks.Bind(1, documents.Int(0));
    std::vector<ChunkRange> ranges;
    for (;;) {
      MINNOW_ASSIGN_OR_RETURN(const bool chunk, chunks.Step());
      if (!chunk) break;
      if (chunks.Int(0) < 0 || chunks.Int(0) >= chunks.Int(1) ||
          chunks.Int(1) > static_cast<int64_t>(text->size())) {
        return Wrong(*database, state, name + ": a chunk lies outside of its text");
      }
      ranges.push_back(
          {static_cast<uint32_t>(chunks.Int(0)), static_cast<uint32_t>(chunks.Int(1))});
    }
    chunks.Reset();
    const int64_t hash = documents.Int(3);
    if (hash != HashDocument(documents.Text(1), ranges, documents.Text(2)) &&
        hash != HashChunks(ranges)) {
      return Wrong(*database, state, name + ": is not what was written");
    }
  }
}

Status VerifyVectors(Database* database, const IndexState& state) {
  MINNOW_ASSIGN_OR_RETURN(const auto model, ReadModel(database, state.id));
  const size_t bytes = model ? model->dimensions * sizeof(float) : 0;
  MINNOW_ASSIGN_OR_RETURN(Statement list,
                          database->Prepare(state.Sql("SELECT id, vector FROM {vectors}")));
  std::vector<float> values(bytes / sizeof(float));
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) return {};
    const std::span<const std::byte> blob = list.Blob(1);
    bool good = bytes > 0 && blob.size() == bytes;
    if (good) {
      std::memcpy(values.data(), blob.data(), bytes);
      for (const float value : values) good = good && std::isfinite(value);
    }
    if (!good) {
      return Wrong(*database, state, "vector " + std::to_string(list.Int(0)) + " is damaged");
    }
  }
}

// FTS5 checks its own structures by a command that is written like an insertion.
Status CheckFullText(Database* database, int64_t id, const std::string& name) {
  const Status status =
      database->Execute(IndexSql(id, "INSERT INTO {lexical}({lexical}) VALUES('integrity-check')"));
  if (status.ok() || status.error().code != Code::kCorrupt) return status;
  return Error{Code::kCorrupt, database->path() + ": index " + name + ": full text is damaged"};
}

}  // namespace

Status VerifyDatabase(Connections* connections, const Progress& progress) {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, connections->Read());
  const StatementProgress ticking(reader.get(), progress);
  const auto said = reader->QueryText("PRAGMA integrity_check(1)");
  if (ticking.stopped()) return Stopped(*reader);
  if (!said.ok()) return said.error();
  if (*said == "ok") return {};
  return Error{Code::kCorrupt, reader->path() + ": " + *said};
}

Status VerifyIndex(const IndexState& state, const Progress& progress) {
  {
    MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state.Read());
    MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, state.BeginRead(reader.get()));
    for (const Pair& pair : kPairs) {
      MINNOW_ASSIGN_OR_RETURN(const int64_t one, Count(reader.get(), state, pair.one));
      MINNOW_ASSIGN_OR_RETURN(const int64_t other, Count(reader.get(), state, pair.other));
      if (one == other) continue;
      return Wrong(*reader, state,
                   std::string(pair.what) + ": " + std::to_string(one) + ", counted otherwise " +
                       std::to_string(other));
    }
    MINNOW_RETURN_IF_ERROR(VerifyDocuments(reader.get(), state, progress));
    MINNOW_RETURN_IF_ERROR(VerifyVectors(reader.get(), state));
    MINNOW_RETURN_IF_ERROR(state.live->CatchUp(reader.get()));
    MINNOW_RETURN_IF_ERROR(state.live->Verify(reader.get()));
  }
  if (state.connections->read_only()) return {};
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, state.Write());
  return CheckFullText(writer.get(), state.id, state.name);
}

Result<bool> VerifyFullText(const std::string& path, const Progress& progress) {
  MINNOW_ASSIGN_OR_RETURN(const auto database, OpenToCheck(path));
  if (database == nullptr) return false;
  std::vector<std::pair<int64_t, std::string>> indexes;
  {
    MINNOW_ASSIGN_OR_RETURN(Statement list,
                            database->Prepare("SELECT id, name FROM minnow_indexes ORDER BY id"));
    for (;;) {
      MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
      if (!row) break;
      indexes.emplace_back(list.Int(0), list.Text(1));
    }
  }
  for (const auto& [id, name] : indexes) {
    // Rolled back. Ids are never given again: whatever has the id is the index.
    const Result<Transaction> transaction = BeginIndexWrite(database.get(), id, name);
    if (!transaction.ok() && transaction.error().code == Code::kNotFound) continue;  // dropped
    if (!transaction.ok()) return transaction.error();
    const StatementProgress ticking(database.get(), progress);
    const Status status = CheckFullText(database.get(), id, name);
    if (ticking.stopped()) return Stopped(*database);
    MINNOW_RETURN_IF_ERROR(status);
  }
  return true;
}

}  // namespace minnow
