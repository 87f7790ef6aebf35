// SPDX-License-Identifier: Apache-2.0
#include "index/store/index_writer.h"

#include <algorithm>
#include <optional>

#include "index/store/schema.h"

namespace minnow {

Result<std::string> TextOfStored(const IndexSettings& settings, std::string_view json,
                                 const std::string& where) {
  JsonLimits limits;
  limits.max_bytes = kMaxDocumentBytes;
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, where, limits));
  MINNOW_ASSIGN_OR_RETURN(const JsonView object, document.root().Object());
  return ExtractText(settings, object);
}

Status AddToFullText(Database* database, int64_t index, int64_t row, std::string_view text) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement insert,
      database->Prepare(IndexSql(index, "INSERT INTO {lexical}(rowid, text) VALUES(?, ?)")));
  return insert.Bind(1, row).Bind(2, text).Run();
}

Status CheckDocument(const IndexSettings& settings, const Document& document) {
  const auto wrong = [](std::string message) {
    return Error{Code::kInvalidArgument, std::move(message)};
  };
  if (document.id.empty() || document.id.size() > kMaxIdBytes) {
    return wrong("id: " + std::to_string(document.id.size()) + " bytes, expected 1 to " +
                 std::to_string(kMaxIdBytes));
  }
  if (document.json.size() > kMaxDocumentBytes) {
    return wrong("document: " + std::to_string(document.json.size()) + " bytes, limit " +
                 std::to_string(kMaxDocumentBytes));
  }
  MINNOW_ASSIGN_OR_RETURN(const std::string text, TextOfStored(settings, document.json, ""));
  if (text != document.text) return wrong("text: is not the document's text fields");
  for (const ChunkRange& chunk : document.chunks) {
    if (chunk.begin >= chunk.end || chunk.end > text.size()) {
      return wrong("chunks: [" + std::to_string(chunk.begin) + ", " + std::to_string(chunk.end) +
                   ") of " + std::to_string(text.size()) + " bytes");
    }
  }
  return {};
}

Result<Statement> IndexWriter::Prepare(std::string_view sql) {
  return database_->Prepare(IndexSql(index_, sql));
}

Result<DocumentChange> IndexWriter::Put(const Document& document) {
  const int64_t hash = HashDocument(document.id, document.chunks, document.json);
  bool replaced = false;
  {
    MINNOW_ASSIGN_OR_RETURN(Statement find,
                            Prepare("SELECT id, hash, json FROM {documents} WHERE key = ?"));
    find.Bind(1, document.id);
    MINNOW_ASSIGN_OR_RETURN(replaced, find.Step());
    if (replaced) {
      const bool same_chunks = find.Int(1) == hash || find.Int(1) == HashChunks(document.chunks);
      if (same_chunks && find.Text(2) == document.json) {
        MINNOW_RETURN_IF_ERROR(NotePendingOf(find.Int(0)));
        return DocumentChange::kUnchanged;
      }
      const std::string json(find.Text(2));
      const int64_t row = find.Int(0);
      find.Reset();
      MINNOW_RETURN_IF_ERROR(RemoveRow(row, json));
    }
  }
  MINNOW_RETURN_IF_ERROR(Insert(document, hash));
  return replaced ? DocumentChange::kReplaced : DocumentChange::kAdded;
}

Status IndexWriter::Insert(const Document& document, int64_t hash) {
  MINNOW_ASSIGN_OR_RETURN(Statement insert,
                          Prepare("INSERT INTO {documents}(key, hash, json) VALUES(?, ?, ?)"));
  MINNOW_RETURN_IF_ERROR(insert.Bind(1, document.id).Bind(2, hash).Bind(3, document.json).Run());
  const int64_t row = database_->last_insert_id();
  MINNOW_RETURN_IF_ERROR(AddToFullText(database_, index_, row, document.text));
  MINNOW_ASSIGN_OR_RETURN(
      Statement chunk,
      Prepare(
          R"sql(INSERT INTO {chunks}(document_id, ordinal, "begin", "end") VALUES(?, ?, ?, ?))sql"));
  int64_t ordinal = 0;
  for (const ChunkRange& range : document.chunks) {
    chunk.Bind(1, row).Bind(2, ordinal++);
    chunk.Bind(3, int64_t{range.begin}).Bind(4, int64_t{range.end});
    MINNOW_RETURN_IF_ERROR(chunk.Run());
    const int64_t id = database_->last_insert_id();
    NoteWaiting({id, id});
  }
  ++documents_;
  chunks_ += ordinal;
  changed_ = true;
  return {};
}

// Whoever sends a document again is told when its vectors are there, not that nothing was to do.
Status IndexWriter::NotePendingOf(int64_t row) {
  MINNOW_ASSIGN_OR_RETURN(Statement range,
                          Prepare("SELECT min(id), max(id) FROM {chunks} WHERE document_id = ? AND "
                                  "vector_id IS NULL"));
  range.Bind(1, row);
  MINNOW_ASSIGN_OR_RETURN(const bool any, range.Step());
  if (any && !range.IsNull(0)) NoteWaiting({range.Int(0), range.Int(1)});
  return {};
}

void IndexWriter::NoteWaiting(TaskChunks chunks) {
  if (waiting_chunks_.last < waiting_chunks_.first) {
    waiting_chunks_ = chunks;
  } else {
    waiting_chunks_ = {std::min(waiting_chunks_.first, chunks.first),
                       std::max(waiting_chunks_.last, chunks.last)};
  }
}

Result<bool> IndexWriter::Remove(std::string_view key) {
  MINNOW_ASSIGN_OR_RETURN(Statement find,
                          Prepare("SELECT id, json FROM {documents} WHERE key = ?"));
  find.Bind(1, key);
  MINNOW_ASSIGN_OR_RETURN(const bool found, find.Step());
  if (!found) return false;
  const int64_t row = find.Int(0);
  const std::string json(find.Text(1));
  find.Reset();
  MINNOW_RETURN_IF_ERROR(RemoveRow(row, json));
  return true;
}

Result<bool> IndexWriter::RemoveDocument(int64_t row) {
  MINNOW_ASSIGN_OR_RETURN(Statement find, Prepare("SELECT json FROM {documents} WHERE id = ?"));
  find.Bind(1, row);
  MINNOW_ASSIGN_OR_RETURN(const bool found, find.Step());
  if (!found) return false;
  const std::string json(find.Text(0));
  find.Reset();
  MINNOW_RETURN_IF_ERROR(RemoveRow(row, json));
  return true;
}

Status IndexWriter::RemoveRow(int64_t row, std::string_view json) {
  MINNOW_ASSIGN_OR_RETURN(const std::string text, TextOfStored(settings_, json, database_->path()));
  MINNOW_ASSIGN_OR_RETURN(
      Statement lexical,
      Prepare("INSERT INTO {lexical}({lexical}, rowid, text) VALUES('delete', ?, ?)"));
  MINNOW_RETURN_IF_ERROR(lexical.Bind(1, row).Bind(2, text).Run());
  MINNOW_ASSIGN_OR_RETURN(
      Statement log, Prepare("INSERT INTO {removed}(document_id, vector_id) SELECT document_id, "
                             "vector_id FROM {chunks} WHERE document_id = ? AND vector_id > 0"));
  MINNOW_RETURN_IF_ERROR(log.Bind(1, row).Run());
  MINNOW_ASSIGN_OR_RETURN(Statement log_document,
                          Prepare("INSERT INTO {removed}(document_id) VALUES(?)"));
  MINNOW_RETURN_IF_ERROR(log_document.Bind(1, row).Run());
  MINNOW_ASSIGN_OR_RETURN(Statement vectors,
                          Prepare("DELETE FROM {vectors} WHERE id IN (SELECT vector_id FROM "
                                  "{chunks} WHERE document_id = ?)"));
  MINNOW_RETURN_IF_ERROR(vectors.Bind(1, row).Run());
  vectors_ -= database_->changes();
  MINNOW_ASSIGN_OR_RETURN(Statement chunks, Prepare("DELETE FROM {chunks} WHERE document_id = ?"));
  MINNOW_RETURN_IF_ERROR(chunks.Bind(1, row).Run());
  chunks_ -= database_->changes();
  MINNOW_ASSIGN_OR_RETURN(Statement document, Prepare("DELETE FROM {documents} WHERE id = ?"));
  MINNOW_RETURN_IF_ERROR(document.Bind(1, row).Run());
  --documents_;
  changed_ = true;
  return {};
}

Result<bool> IndexWriter::SetVector(int64_t chunk, std::span<const float> vector) {
  if (std::all_of(vector.begin(), vector.end(), [](float value) { return value == 0; })) {
    // No vector has the id 0.
    MINNOW_ASSIGN_OR_RETURN(
        Statement refuse,
        Prepare("UPDATE {chunks} SET vector_id = 0 WHERE id = ? AND vector_id IS NULL"));
    MINNOW_RETURN_IF_ERROR(refuse.Bind(1, chunk).Run());
    const bool refused = database_->changes() > 0;
    changed_ = changed_ || refused;
    return refused;
  }
  MINNOW_ASSIGN_OR_RETURN(
      Statement insert,
      Prepare("INSERT INTO {vectors}(document_id, chunk_id, vector) SELECT document_id, id, ? "
              "FROM {chunks} WHERE id = ? AND vector_id IS NULL"));
  MINNOW_RETURN_IF_ERROR(insert.BindBlob(1, std::as_bytes(vector)).Bind(2, chunk).Run());
  if (database_->changes() == 0) return false;
  const int64_t id = database_->last_insert_id();
  MINNOW_ASSIGN_OR_RETURN(Statement update,
                          Prepare("UPDATE {chunks} SET vector_id = ? WHERE id = ?"));
  MINNOW_RETURN_IF_ERROR(update.Bind(1, id).Bind(2, chunk).Run());
  ++vectors_;
  changed_ = true;
  return true;
}

Status IndexWriter::ForgetVectors() {
  MINNOW_ASSIGN_OR_RETURN(Statement vectors, Prepare("DELETE FROM {vectors}"));
  MINNOW_RETURN_IF_ERROR(vectors.Run());
  MINNOW_ASSIGN_OR_RETURN(
      Statement chunks,
      Prepare("UPDATE {chunks} SET vector_id = NULL WHERE vector_id IS NOT NULL"));
  MINNOW_RETURN_IF_ERROR(chunks.Run());
  MINNOW_ASSIGN_OR_RETURN(Statement count,
                          database_->Prepare("SELECT vectors FROM minnow_indexes WHERE id = ?"));
  count.Bind(1, index_);
  MINNOW_ASSIGN_OR_RETURN(const bool row, count.Step());
  if (row) vectors_ -= count.Int(0);
  MINNOW_ASSIGN_OR_RETURN(Statement range, Prepare("SELECT min(id), max(id) FROM {chunks}"));
  MINNOW_ASSIGN_OR_RETURN(const bool any, range.Step());
  if (any && !range.IsNull(0)) NoteWaiting({range.Int(0), range.Int(1)});
  ++epochs_;
  changed_ = true;
  return {};
}

Status IndexWriter::Finish() {
  MINNOW_ASSIGN_OR_RETURN(
      Statement update,
      database_->Prepare("UPDATE minnow_indexes SET generation = generation + ?, "
                         "documents = documents + ?, chunks = chunks + ?, vectors = vectors + ?, "
                         "vector_epoch = vector_epoch + ? WHERE id = ?"));
  update.Bind(1, int64_t{changed_}).Bind(2, documents_).Bind(3, chunks_).Bind(4, vectors_);
  update.Bind(5, epochs_).Bind(6, index_);
  MINNOW_RETURN_IF_ERROR(update.Run());
  return FinishTasks(database_, index_);
}

}  // namespace minnow
