// SPDX-License-Identifier: Apache-2.0
#include "index/store/live_index.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "formats/json.h"
#include "index/store/index_state.h"
#include "index/store/schema.h"

namespace minnow {
namespace {

constexpr size_t kAppendRows = 4096;  // read and appended together
constexpr int64_t kTailRows = 2048;
constexpr int64_t kQuickRows = 1 << 16;  // a sidecar of so many is written in less than a second
constexpr int64_t kTailShare = 16;       // a tail of a sixteenth of all rows is saved
constexpr auto kIdle = std::chrono::seconds(30);
constexpr auto kLongestWait = std::chrono::milliseconds(50);  // of a search, for a change
constexpr auto kWaitStep = std::chrono::microseconds(200);

Result<int64_t> LastRow(Database* database, int64_t index, std::string_view sql) {
  return database->QueryInt(IndexSql(index, sql));
}

bool IsDropped(Connections* connections, int64_t index) {
  const Result<Connections::Reader> reader = connections->Read();
  if (!reader.ok()) return false;
  const Result<int64_t> generation = ReadGeneration(reader->get(), index);
  return !generation.ok() && generation.error().code == Code::kNotFound;
}

}  // namespace

std::shared_ptr<VectorIndex> LiveIndex::vectors() const {
  const std::lock_guard lock(published_mutex_);
  return published_.vectors;
}

std::shared_ptr<AttributeTable> LiveIndex::attributes() const {
  const std::lock_guard lock(published_mutex_);
  return published_.attributes;
}

std::shared_ptr<LexicalCache> LiveIndex::lexical_cache() const {
  const std::lock_guard lock(published_mutex_);
  return published_.lexical_cache;
}

void LiveIndex::Publish(Published published) {
  const std::lock_guard lock(published_mutex_);
  std::swap(published_, published);
}

Status LiveIndex::CatchUp(Database* database) {
  const std::lock_guard lock(change_mutex_);
  if (database->in_transaction()) return CatchUpLocked(database);
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, Transaction::BeginRead(database));
  return CatchUpLocked(database);
}

Status LiveIndex::CatchUpUnlessBusy(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t generation, ReadGeneration(database, index_));
  if (generation_.load(std::memory_order_acquire) >= generation) return {};
  // Whoever has heard that a change is done, from a task or from what is pending, may search before
  // memory shows it. A lock with a time limit would do, but for ThreadSanitizer, which misses it.
  for (const auto end = std::chrono::steady_clock::now() + kLongestWait;;) {
    const std::unique_lock lock(change_mutex_, std::try_to_lock);
    if (lock.owns_lock()) return CatchUpLocked(database);
    // Before the first load there is nothing to go on with, but then nobody searches yet.
    if (std::chrono::steady_clock::now() > end) return {};
    std::this_thread::sleep_for(kWaitStep);
  }
}

Status LiveIndex::CatchUpLocked(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(const VectorState state, ReadVectorState(database, index_));
  if (generation_ >= state.generation) return {};
  settled_ = -1;
  if (generation_ < 0 || epoch_ != state.epoch || last_removed_ < state.removed_floor) {
    MINNOW_RETURN_IF_ERROR(Load(database, state, true));
  } else {
    MINNOW_RETURN_IF_ERROR(TakeRemoved(database, published_));
    MINNOW_RETURN_IF_ERROR(TakeVectors(database, published_.vectors.get()));
    MINNOW_RETURN_IF_ERROR(TakeDocuments(database));
  }
  last_change_ = std::chrono::steady_clock::now();
  Show(state.generation);
  return {};
}

void LiveIndex::Show(int64_t generation) {
  generation_.store(generation, std::memory_order_release);
  settled_ = generation;
}

bool LiveIndex::AttributesAreOf(int64_t generation) const {
  return settled_ == generation && scanned_ <= generation;
}

void LiveIndex::NoteScan(int64_t generation) {
  int64_t latest = scanned_;
  while (latest < generation && !scanned_.compare_exchange_weak(latest, generation)) {
  }
}

Status LiveIndex::Rebuild(Database* database, const VectorIndex* damaged) {
  const std::lock_guard lock(change_mutex_);
  if (vectors().get() != damaged) return {};  // somebody was faster
  MINNOW_ASSIGN_OR_RETURN(const VectorState state, ReadVectorState(database, index_));
  MINNOW_RETURN_IF_ERROR(Load(database, state, false));
  Show(state.generation);
  return {};
}

Status LiveIndex::Load(Database* database, const VectorState& state, bool from_sidecar) {
  // Until this ends well, memory shows no state.
  settled_ = generation_ = -1;
  MINNOW_ASSIGN_OR_RETURN(
      const int64_t last_removed,
      LastRow(database, index_, "SELECT coalesce(max(serial), 0) FROM {removed}"));
  MINNOW_ASSIGN_OR_RETURN(
      last_document_, LastRow(database, index_, "SELECT coalesce(max(id), 0) FROM {documents}"));
  model_ = state.model;
  epoch_ = state.epoch;
  last_removed_ = std::max(last_removed, state.removed_floor);
  last_vector_ = saved_vector_ = 0;
  has_sidecar_ = state.saved.has_value() || state.next.has_value();
  saved_removed_ = last_removed_;
  Published fresh;
  if (from_sidecar) fresh.vectors = OpenSidecar(place_, index_, state);
  const bool opened = fresh.vectors != nullptr;
  if (opened) {
    last_vector_ = saved_vector_ = std::max<int64_t>(fresh.vectors->last_key(), 0);
    last_removed_ = saved_removed_ = state.removed_floor;
  } else if (state.model) {
    fresh.vectors = std::make_shared<VectorIndex>(state.model->dimensions);
  }
  fresh.lexical_cache->StartRemovalsAfter(last_removed_);
  MINNOW_RETURN_IF_ERROR(TakeRemoved(database, fresh));
  MINNOW_RETURN_IF_ERROR(TakeVectors(database, fresh.vectors.get()));
  const auto rows =
      fresh.vectors == nullptr ? 0 : static_cast<int64_t>(fresh.vectors->stats().rows);
  if (rows == state.vectors) {
    Publish(std::move(fresh));
    return {};
  }
  if (opened) return Load(database, state, false);
  return Error{Code::kCorrupt, database->path() + ": " + std::to_string(rows) + " vectors, where " +
                                   std::to_string(state.vectors) + " are counted"};
}

Status LiveIndex::TakeRemoved(Database* database, const Published& into) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement removed,
      database->Prepare(
          IndexSql(index_,
                   "SELECT serial, document_id, vector_id FROM {removed} WHERE serial > ? "
                   "ORDER BY serial")));
  removed.Bind(1, last_removed_);
  std::vector<int64_t> keys;
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, removed.Step());
    if (!row) break;
    if (removed.IsNull(2)) {
      into.attributes->Remove(removed.Int(1));
      into.lexical_cache->Remove(removed.Int(0), removed.Int(1));
    } else {
      keys.push_back(removed.Int(2));
    }
    last_removed_ = removed.Int(0);
  }
  if (!keys.empty() && into.vectors != nullptr) into.vectors->Remove(keys);
  return {};
}

Status LiveIndex::TakeVectors(Database* database, VectorIndex* vectors) {
  if (vectors == nullptr) return {};
  const size_t dimensions = vectors->dimensions();
  MINNOW_ASSIGN_OR_RETURN(
      Statement added,
      database->Prepare(IndexSql(
          index_, "SELECT id, document_id, vector FROM {vectors} WHERE id > ? ORDER BY id")));
  added.Bind(1, last_vector_);
  std::vector<int64_t> keys;
  std::vector<int64_t> groups;
  std::vector<float> values;
  for (bool more = true; more;) {
    MINNOW_ASSIGN_OR_RETURN(more, added.Step());
    if (more) {
      const std::span<const std::byte> blob = added.Blob(2);
      if (blob.size() != dimensions * sizeof(float)) {
        return Error{Code::kCorrupt, database->path() + ": vector " + std::to_string(added.Int(0)) +
                                         " of " + std::to_string(blob.size()) +
                                         " bytes, expected " +
                                         std::to_string(dimensions * sizeof(float))};
      }
      keys.push_back(added.Int(0));
      groups.push_back(added.Int(1));
      values.resize(values.size() + dimensions);
      std::memcpy(values.data() + values.size() - dimensions, blob.data(), blob.size());
    }
    if (keys.empty() || (more && keys.size() < kAppendRows)) continue;
    MINNOW_RETURN_IF_ERROR(vectors->Append(keys, groups, values));
    last_vector_ = keys.back();
    keys.clear();
    groups.clear();
    values.clear();
  }
  return {};
}

Status LiveIndex::TakeDocuments(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement added, database->Prepare(IndexSql(
                           index_, "SELECT id, json FROM {documents} WHERE id > ? ORDER BY id")));
  added.Bind(1, last_document_);
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, added.Step());
    if (!row) return {};
    MINNOW_ASSIGN_OR_RETURN(const JsonDocument json,
                            JsonDocument::Parse(added.Text(1), database->path()));
    published_.attributes->Add(added.Int(0), json.root());
    last_document_ = added.Int(0);
  }
}

int64_t LiveIndex::Rows() const {
  return published_.vectors == nullptr ? 0 : static_cast<int64_t>(published_.vectors->stats().rows);
}

bool LiveIndex::WantsSave(bool at_end) const {
  if (published_.vectors == nullptr || place_.path.empty() || !place_.whole_file) return false;
  const int64_t rows = Rows();
  if (rows < place_.min_rows) return false;
  const int64_t changes = (last_vector_ - saved_vector_) + (last_removed_ - saved_removed_);
  if (changes == 0) return false;
  if (last_removed_ - saved_removed_ > place_.long_log) return true;
  if (changes > std::max(kTailRows, rows / kTailShare)) return true;
  // A few changes of a large index are read from the store faster than its file is written: of a
  // million vectors, 2 GB for one document a minute.
  if (rows > kQuickRows && changes <= kTailRows) return false;
  return at_end || std::chrono::steady_clock::now() - last_change_ > kIdle;
}

LiveIndex::Chore LiveIndex::NextChore(bool at_end) {
  const std::lock_guard lock(change_mutex_);
  if (generation_ < 0) return Chore::kNone;
  if (WantsSave(at_end)) return Chore::kSave;
  if (has_sidecar_ && Rows() < place_.min_rows) return Chore::kForget;
  return last_removed_ - saved_removed_ > place_.long_log ? Chore::kForget : Chore::kNone;
}

Status LiveIndex::Maintain(Connections* connections, bool at_end, ThreadPool* pool) {
  const std::unique_lock maintenance(maintenance_mutex_, std::try_to_lock);
  if (!maintenance.owns_lock()) return {};
  Status status = connections->read_only() ? Status() : DoChore(connections, at_end, pool);
  if (!status.ok()) {
    if (!IsDropped(connections, index_)) return status;
    // Perhaps before a sidecar took its name: nobody else removes that one.
    if (!place_.path.empty()) std::remove(place_.path.c_str());
    return {};
  }
  const std::shared_ptr<VectorIndex> vectors = this->vectors();
  if (vectors != nullptr && !at_end && vectors->WantsClustering()) vectors->Cluster(pool);
  return {};
}

Status LiveIndex::DoChore(Connections* connections, bool at_end, ThreadPool* pool) {
  if (NextChore(at_end) == Chore::kNone) return {};
  {
    // Another process may have done it. Its sidecar is not to be replaced by one of an older state.
    MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, connections->Read());
    MINNOW_RETURN_IF_ERROR(CatchUp(reader.get()));
  }
  const Chore chore = NextChore(at_end);
  if (chore == Chore::kForget) return ForgetRemoved(connections);
  if (chore == Chore::kNone) return {};
  Status saved = Save(connections, pool);
  if (saved.ok() || saved.error().code != Code::kCorrupt) return saved;
  // The former sidecar, from which rows were read, is damaged. The next call saves a new one.
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, connections->Read());
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, Transaction::BeginRead(reader.get()));
  return Rebuild(reader.get(), vectors().get());
}

Status LiveIndex::Save(Connections* connections, ThreadPool* pool) {
  std::shared_ptr<VectorIndex> vectors;
  ModelIdentity model;
  int64_t last_vector = 0;
  int64_t last_removed = 0;
  int64_t epoch = 0;
  {
    const std::lock_guard lock(change_mutex_);
    if (published_.vectors == nullptr || !model_) return {};
    vectors = published_.vectors;
    model = *model_;
    epoch = epoch_;
    last_vector = last_vector_;
    last_removed = last_removed_;
  }
  // The store knows of the file before it is there, and forgets the former one after: whatever
  // interrupts this, the file that stands there is one that the store knows.
  const SidecarToken token = NewToken();
  // False where the store has gone on to a state that memory does not show.
  const auto tell_store = [&](const char* sql) -> Result<bool> {
    MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, connections->Write());
    MINNOW_ASSIGN_OR_RETURN(Transaction transaction,
                            BeginIndexWrite(writer.get(), index_, std::to_string(index_)));
    MINNOW_ASSIGN_OR_RETURN(Statement update, writer->Prepare(sql));
    update.BindBlob(1, std::as_bytes(std::span(token))).Bind(2, index_).Bind(3, epoch);
    update.Bind(4, last_removed);
    MINNOW_RETURN_IF_ERROR(update.Run());
    if (writer->changes() == 0) return false;
    MINNOW_ASSIGN_OR_RETURN(
        Statement forget,
        writer->Prepare(IndexSql(index_,
                                 "DELETE FROM {removed} WHERE serial <= (SELECT "
                                 "removed_floor FROM minnow_indexes WHERE id = ?)")));
    MINNOW_RETURN_IF_ERROR(forget.Bind(1, index_).Run());
    MINNOW_RETURN_IF_ERROR(transaction.Commit());
    return true;
  };
  MINNOW_ASSIGN_OR_RETURN(
      const bool announced,
      tell_store("UPDATE minnow_indexes SET next_sidecar = ?1 WHERE id = ?2 AND vector_epoch = ?3 "
                 "AND removed_floor <= ?4"));
  if (!announced) return {};
  MINNOW_RETURN_IF_ERROR(
      vectors->SaveAndReopen(place_.path, MakeIdentity(token, index_, model), pool));
  MINNOW_ASSIGN_OR_RETURN(
      const bool saved,
      tell_store("UPDATE minnow_indexes SET sidecar = next_sidecar, next_sidecar = NULL, "
                 "removed_floor = ?4 WHERE next_sidecar = ?1 AND id = ?2 AND vector_epoch = ?3"));
  const std::lock_guard lock(change_mutex_);
  has_sidecar_ |= saved;
  if (saved && published_.vectors == vectors) {
    saved_vector_ = last_vector;
    saved_removed_ = last_removed;
  }
  return {};
}

Status LiveIndex::ForgetRemoved(Connections* connections) {
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, connections->Write());
  const std::lock_guard lock(change_mutex_);
  MINNOW_ASSIGN_OR_RETURN(Transaction transaction,
                          BeginIndexWrite(writer.get(), index_, std::to_string(index_)));
  MINNOW_ASSIGN_OR_RETURN(
      Statement update,
      writer->Prepare("UPDATE minnow_indexes SET removed_floor = ?1, sidecar = NULL, next_sidecar "
                      "= NULL WHERE id = ?2 AND removed_floor <= ?1"));
  MINNOW_RETURN_IF_ERROR(update.Bind(1, last_removed_).Bind(2, index_).Run());
  MINNOW_ASSIGN_OR_RETURN(
      Statement forget,
      writer->Prepare(IndexSql(index_, "DELETE FROM {removed} WHERE serial <= ?")));
  MINNOW_RETURN_IF_ERROR(forget.Bind(1, last_removed_).Run());
  MINNOW_RETURN_IF_ERROR(transaction.Commit());
  // Whoever has mapped it keeps it. Still under the lock: nobody of this process saves meanwhile.
  if (std::exchange(has_sidecar_, false)) std::remove(place_.path.c_str());
  saved_vector_ = 0;
  saved_removed_ = last_removed_;
  return {};
}

Status LiveIndex::Verify(Database* database) const {
  const std::shared_ptr<VectorIndex> vectors = this->vectors();
  if (vectors == nullptr) return {};
  MINNOW_RETURN_IF_ERROR(vectors->Verify());
  MINNOW_ASSIGN_OR_RETURN(Statement list,
                          database->Prepare(IndexSql(index_, "SELECT id FROM {vectors}")));
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) return {};
    if (!vectors->Contains(list.Int(0))) {
      return Error{Code::kCorrupt, database->path() + ": vector " + std::to_string(list.Int(0)) +
                                       " of the store is missing from memory"};
    }
  }
}

}  // namespace minnow
