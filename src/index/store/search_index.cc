// SPDX-License-Identifier: Apache-2.0
#include "index/store/search_index.h"

#include <utility>

#include "index/store/index_filter.h"
#include "index/store/index_state.h"
#include "index/store/index_writer.h"
#include "index/store/schema.h"
#include "index/store/search/hits.h"
#include "index/store/sidecar_files.h"
#include "index/store/tasks.h"
#include "index/store/unit_vector.h"

namespace minnow {
namespace {

std::string Describe(const ModelIdentity& model) {
  return QuoteForMessage(model.name) + " (" + model.dtype + ", checksum " + model.checksum + ", " +
         std::to_string(model.dimensions) + " dimensions)";
}

bool IsSame(const ModelIdentity& one, const ModelIdentity& other) {
  ModelIdentity renamed = one;
  renamed.name = other.name;
  return renamed == other;
}

Error OfAnotherModel(const std::string& index, const ModelIdentity& bound,
                     const ModelIdentity& model) {
  return {Code::kInvalidArgument, "index " + QuoteForMessage(index) +
                                      ": its vectors are of model " + Describe(bound) +
                                      ", not of " + Describe(model) +
                                      ": take that model, or make the vectors anew (--reembed)"};
}

Result<std::string> ReadNote(Database* database, int64_t index) {
  const std::string key = NoteKey(index);
  MINNOW_ASSIGN_OR_RETURN(Statement read,
                          database->Prepare("SELECT value FROM minnow_meta WHERE key = ?"));
  MINNOW_ASSIGN_OR_RETURN(const bool there, read.Bind(1, key).Step());
  return std::string(there ? read.Text(0) : std::string_view());
}

}  // namespace

SearchIndex::SearchIndex(std::shared_ptr<IndexState> state) : state_(std::move(state)) {}
SearchIndex::~SearchIndex() = default;

const std::string& SearchIndex::name() const { return state_->name; }

int64_t SearchIndex::id() const { return state_->id; }

IndexSettings SearchIndex::settings() const { return state_->settings; }

Result<IndexStats> SearchIndex::Stats() const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, state_->BeginRead(reader.get()));
  IndexStats stats;
  stats.created_at_ms = state_->created_at_ms;
  MINNOW_ASSIGN_OR_RETURN(
      Statement counts,
      reader->Prepare(state_->Sql("SELECT documents, chunks, chunks - vectors, "
                                  "(SELECT count(*) FROM {chunks} WHERE vector_id IS NULL) "
                                  "FROM minnow_indexes WHERE id = ?")));
  counts.Bind(1, state_->id);
  MINNOW_RETURN_IF_ERROR(counts.Step());
  stats.documents = static_cast<size_t>(counts.Int(0));
  stats.chunks = static_cast<size_t>(counts.Int(1));
  stats.pending_chunks = static_cast<size_t>(counts.Int(3));
  stats.refused_chunks = static_cast<size_t>(counts.Int(2)) - stats.pending_chunks;
  counts.Reset();
  MINNOW_ASSIGN_OR_RETURN(const int64_t pages, reader->QueryInt("PRAGMA page_count"));
  MINNOW_ASSIGN_OR_RETURN(const int64_t page_bytes, reader->QueryInt("PRAGMA page_size"));
  stats.bytes = static_cast<uint64_t>(pages * page_bytes);
  MINNOW_ASSIGN_OR_RETURN(stats.model, ReadModel(reader.get(), state_->id));
  return stats;
}

Result<SearchIndex::Binding> SearchIndex::BindingTo(Database* database, const ModelIdentity& model,
                                                    bool reembed) const {
  MINNOW_ASSIGN_OR_RETURN(const auto bound, ReadModel(database, state_->id));
  if (!bound) return Binding::kNone;
  if (!IsSame(model, *bound)) {
    if (reembed) return Binding::kNone;
    return OfAnotherModel(state_->name, *bound, model);
  }
  return model.path.empty() || model.path == bound->path ? Binding::kThis : Binding::kMoved;
}

Status SearchIndex::UseModel(const ModelIdentity& model, bool reembed) {
  {
    // Most often nothing is to be written: nobody waits for a writer then.
    MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
    MINNOW_ASSIGN_OR_RETURN(const Binding binding, BindingTo(reader.get(), model, reembed));
    if (binding == Binding::kThis) return {};
  }
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, state_->Write());
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction, state_->BeginWrite(writer.get()));
  // Somebody may have been faster.
  MINNOW_ASSIGN_OR_RETURN(const Binding binding, BindingTo(writer.get(), model, reembed));
  if (binding == Binding::kThis) return {};
  MINNOW_ASSIGN_OR_RETURN(Statement update,
                          writer->Prepare("UPDATE minnow_indexes SET model = ? WHERE id = ?"));
  const std::string json = ModelJson(model);
  MINNOW_RETURN_IF_ERROR(update.Bind(1, json).Bind(2, state_->id).Run());
  if (binding == Binding::kMoved) return transaction.Commit();
  IndexWriter index(writer.get(), state_->id, state_->settings);
  MINNOW_RETURN_IF_ERROR(index.ForgetVectors());
  MINNOW_RETURN_IF_ERROR(index.Finish());
  MINNOW_RETURN_IF_ERROR(transaction.Commit());
  return state_->live->CatchUp(writer.get());
}

Result<AddOutcome> SearchIndex::Add(std::span<const Document> documents) {
  for (size_t i = 0; i < documents.size(); ++i) {
    if (Status status = CheckDocument(state_->settings, documents[i]); !status.ok()) {
      Error error = std::move(status).error();
      error.message = "documents[" + std::to_string(i) + "]." + error.message;
      return error;
    }
  }
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, state_->Write());
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction, state_->BeginWrite(writer.get()));
  IndexWriter index(writer.get(), state_->id, state_->settings);
  AddOutcome outcome;
  for (const Document& document : documents) {
    MINNOW_ASSIGN_OR_RETURN(const DocumentChange change, index.Put(document));
    outcome.changes.push_back(change);
  }
  MINNOW_ASSIGN_OR_RETURN(outcome.task, InsertTask(writer.get(), state_->id, state_->name, "add",
                                                   documents.size(), index.waiting_chunks()));
  MINNOW_RETURN_IF_ERROR(index.Finish());
  MINNOW_RETURN_IF_ERROR(transaction.Commit());
  MINNOW_RETURN_IF_ERROR(state_->live->CatchUp(writer.get()));
  return outcome;
}

Result<std::string> SearchIndex::Note() const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, state_->BeginRead(reader.get()));
  return ReadNote(reader.get(), state_->id);
}

Status SearchIndex::ChangeNote(
    const std::function<Result<std::string>(const std::string&)>& change) {
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, state_->Write());
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction, state_->BeginWrite(writer.get()));
  MINNOW_ASSIGN_OR_RETURN(const std::string note, ReadNote(writer.get(), state_->id));
  MINNOW_ASSIGN_OR_RETURN(const std::string next, change(note));
  if (next == note) return {};
  const std::string key = NoteKey(state_->id);
  MINNOW_ASSIGN_OR_RETURN(
      Statement write,
      writer->Prepare("INSERT OR REPLACE INTO minnow_meta(key, value) VALUES(?, ?)"));
  MINNOW_RETURN_IF_ERROR(write.Bind(1, key).Bind(2, next).Run());
  return transaction.Commit();
}

Result<DeleteOutcome> SearchIndex::Delete(std::span<const std::string> ids) {
  return Delete(ids, [](const std::string&) { return Status(); });
}

Result<DeleteOutcome> SearchIndex::Delete(
    std::span<const std::string> ids,
    const std::function<Status(const std::string& note)>& allows) {
  return DeleteEach([&](Database* database, IndexWriter* index) -> Result<size_t> {
    MINNOW_ASSIGN_OR_RETURN(const std::string note, ReadNote(database, state_->id));
    MINNOW_RETURN_IF_ERROR(allows(note));
    size_t deleted = 0;
    for (const std::string& id : ids) {
      MINNOW_ASSIGN_OR_RETURN(const bool removed, index->Remove(id));
      deleted += removed ? 1 : 0;
    }
    return deleted;
  });
}

Result<DeleteOutcome> SearchIndex::DeleteWhere(const std::string& filter) {
  return DeleteEach([&](Database* database, IndexWriter* index) -> Result<size_t> {
    // Nothing is written yet, and nobody else can write: memory and snapshots show what we see.
    MINNOW_RETURN_IF_ERROR(state_->live->CatchUp(database));
    MINNOW_ASSIGN_OR_RETURN(const auto documents, SelectDocuments(*state_, filter));
    if (documents == nullptr) {
      return Error{Code::kInvalidArgument, "filter: is blank, which would delete everything"};
    }
    size_t deleted = 0;
    for (const int64_t document : documents->Documents()) {
      MINNOW_ASSIGN_OR_RETURN(const bool removed, index->RemoveDocument(document));
      deleted += removed ? 1 : 0;
    }
    return deleted;
  });
}

template <class Body>
Result<DeleteOutcome> SearchIndex::DeleteEach(const Body& body) {
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, state_->Write());
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction, state_->BeginWrite(writer.get()));
  IndexWriter index(writer.get(), state_->id, state_->settings);
  DeleteOutcome outcome;
  MINNOW_ASSIGN_OR_RETURN(outcome.deleted, body(writer.get(), &index));
  MINNOW_ASSIGN_OR_RETURN(outcome.task, InsertTask(writer.get(), state_->id, state_->name, "delete",
                                                   outcome.deleted, index.waiting_chunks()));
  MINNOW_RETURN_IF_ERROR(index.Finish());
  MINNOW_RETURN_IF_ERROR(transaction.Commit());
  MINNOW_RETURN_IF_ERROR(state_->live->CatchUp(writer.get()));
  return outcome;
}

Result<std::string> SearchIndex::TextOf(Database* database, int64_t document) const {
  MINNOW_ASSIGN_OR_RETURN(
      Statement find, database->Prepare(state_->Sql("SELECT json FROM {documents} WHERE id = ?")));
  find.Bind(1, document);
  MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
  if (!row) return Error{Code::kCorrupt, database->path() + ": a chunk without a document"};
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument parsed,
                          JsonDocument::Parse(find.Text(0), database->path()));
  return ExtractText(state_->settings, parsed.root());
}

Result<std::vector<PendingChunk>> SearchIndex::Pending(size_t limit, int64_t after) const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, state_->BeginRead(reader.get()));
  MINNOW_ASSIGN_OR_RETURN(
      Statement list,
      reader->Prepare(state_->Sql(R"sql(SELECT id, document_id, "begin", "end" FROM {chunks}
                                        WHERE vector_id IS NULL AND id > ?
                                        ORDER BY id LIMIT ?)sql")));
  list.Bind(1, after).Bind(2, SqlCount(limit));
  std::vector<PendingChunk> pending;
  int64_t document = 0;
  std::string text;  // of the document: its chunks come one after the other
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) return pending;
    if (list.Int(1) != document) {
      document = list.Int(1);
      MINNOW_ASSIGN_OR_RETURN(text, TextOf(reader.get(), document));
    }
    const auto begin = static_cast<size_t>(list.Int(2));
    const auto end = static_cast<size_t>(list.Int(3));
    if (begin >= end || end > text.size()) {
      return Error{Code::kCorrupt, reader->path() + ": a chunk lies outside of its text"};
    }
    pending.push_back({list.Int(0), text.substr(begin, end - begin)});
  }
}

Status SearchIndex::SetVectors(const ModelIdentity& model, std::span<const int64_t> chunks,
                               std::span<const float> vectors) {
  if (vectors.size() != chunks.size() * model.dimensions) {
    return Error{Code::kInvalidArgument, "vectors: " + std::to_string(vectors.size()) +
                                             " values for " + std::to_string(chunks.size()) +
                                             " chunks of " + std::to_string(model.dimensions) +
                                             " dimensions"};
  }
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, state_->Write());
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction, state_->BeginWrite(writer.get()));
  MINNOW_ASSIGN_OR_RETURN(const Binding binding, BindingTo(writer.get(), model, false));
  if (binding == Binding::kNone) {
    return Error{Code::kInvalidArgument,
                 "index " + QuoteForMessage(state_->name) + ": has no model yet"};
  }
  IndexWriter index(writer.get(), state_->id, state_->settings);
  std::vector<float> unit(model.dimensions);
  for (size_t i = 0; i < chunks.size(); ++i) {
    const std::span<const float> row = vectors.subspan(i * unit.size(), unit.size());
    unit.assign(row.begin(), row.end());
    MINNOW_RETURN_IF_ERROR(ToUnitLength(unit, "vectors"));
    MINNOW_ASSIGN_OR_RETURN([[maybe_unused]] const bool set, index.SetVector(chunks[i], unit));
  }
  MINNOW_RETURN_IF_ERROR(index.Finish());
  MINNOW_RETURN_IF_ERROR(transaction.Commit());
  return state_->live->CatchUp(writer.get());
}

Result<std::optional<StoredDocument>> SearchIndex::Fetch(const std::string& id) const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, state_->BeginRead(reader.get()));
  MINNOW_ASSIGN_OR_RETURN(
      Statement find, reader->Prepare(state_->Sql("SELECT json FROM {documents} WHERE key = ?")));
  find.Bind(1, id);
  MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
  if (!row) return std::optional<StoredDocument>();
  return std::optional<StoredDocument>({id, std::string(find.Text(0))});
}

Result<int64_t> SearchIndex::Generation() const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  return ReadGeneration(reader.get(), state_->id);
}

Status SearchIndex::Visit(std::span<const std::string> ids, const Visitor& visit) const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, state_->BeginRead(reader.get()));
  MINNOW_ASSIGN_OR_RETURN(
      Statement find, reader->Prepare(state_->Sql("SELECT json FROM {documents} WHERE key = ?")));
  for (const std::string& id : ids) {
    find.Bind(1, id);
    MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
    if (row) MINNOW_RETURN_IF_ERROR(visit(id, find.Text(0)));
    find.Reset();
  }
  return {};
}

Status SearchIndex::VisitDocuments(
    const std::function<void(std::string_view id, std::string_view json)>& visit) const {
  return VisitRowsAfter(
      0, [&](int64_t, std::string_view id, std::string_view json) { visit(id, json); });
}

Status SearchIndex::VisitRowsAfter(int64_t after,
                                   const std::function<void(int64_t row, std::string_view id,
                                                            std::string_view json)>& visit) const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, state_->BeginRead(reader.get()));
  MINNOW_ASSIGN_OR_RETURN(Statement list,
                          reader->Prepare(state_->Sql(
                              "SELECT id, key, json FROM {documents} WHERE id > ? ORDER BY id")));
  list.Bind(1, after);
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) return {};
    visit(list.Int(0), list.Text(1), list.Text(2));
  }
}

Result<std::vector<int64_t>> SearchIndex::Rows() const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, state_->BeginRead(reader.get()));
  // Read from the index of keys, which is far smaller than the documents.
  MINNOW_ASSIGN_OR_RETURN(Statement list,
                          reader->Prepare(state_->Sql("SELECT id FROM {documents}")));
  std::vector<int64_t> rows;
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) return rows;
    rows.push_back(list.Int(0));
  }
}

Result<DocumentPage> SearchIndex::List(const std::string& filter, size_t offset, size_t limit,
                                       size_t max_bytes) const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->Read());
  MINNOW_ASSIGN_OR_RETURN(const FilteredState begun, BeginFiltered(*state_, reader.get(), filter));
  DocumentPage page;
  size_t bytes = 0;
  const auto take = [&](const Statement& row) -> Status {
    bytes += row.Text(1).size();
    MINNOW_RETURN_IF_ERROR(CheckAnswerBytes(bytes, max_bytes));
    page.documents.push_back({std::string(row.Text(0)), std::string(row.Text(1))});
    return {};
  };
  if (begun.allowed != nullptr) {
    page.total = begun.allowed->count();
    const std::vector<int64_t> rows = begun.allowed->Documents();
    MINNOW_ASSIGN_OR_RETURN(
        Statement find,
        reader->Prepare(state_->Sql("SELECT key, json FROM {documents} WHERE id = ?")));
    for (size_t i = offset; i < rows.size() && page.documents.size() < limit; ++i) {
      find.Bind(1, rows[i]);
      MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
      if (row) MINNOW_RETURN_IF_ERROR(take(find));
      find.Reset();
    }
    return page;
  }
  MINNOW_ASSIGN_OR_RETURN(page.total, CountDocuments(reader.get(), state_->id));
  MINNOW_ASSIGN_OR_RETURN(Statement list,
                          reader->Prepare(state_->Sql(
                              "SELECT key, json FROM {documents} ORDER BY id LIMIT ? OFFSET ?")));
  list.Bind(1, SqlCount(limit)).Bind(2, SqlCount(offset));
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) return page;
    MINNOW_RETURN_IF_ERROR(take(list));
  }
}

}  // namespace minnow
