// SPDX-License-Identifier: Apache-2.0
#include "index/store/store.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <functional>
#include <utility>

#include "index/query/lexical/tokenizer.h"
#include "index/sqlite/bytes_vfs.h"
#include "index/store/index_state.h"
#include "index/store/schema.h"
#include "index/store/store_files.h"
#include "index/store/verify.h"

namespace minnow {
namespace {

constexpr size_t kMaxNameBytes = 64;

bool IsName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  for (const char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') return false;
  }
  return true;
}

Result<std::shared_ptr<IndexState>> ReadIndex(const Statement& row, const StoreState& store,
                                              Database* database) {
  auto state = std::make_shared<IndexState>();
  state->id = row.Int(0);
  state->name = row.Text(1);
  MINNOW_ASSIGN_OR_RETURN(
      state->settings, ParseSettings(row.Text(2), database->path() + ": minnow_indexes.settings"));
  state->created_at_ms = row.Int(3);
  state->connections = store.connections;
  state->live = std::make_unique<LiveIndex>(state->id, store.place_of(state->id));
  MINNOW_RETURN_IF_ERROR(state->live->CatchUp(database));
  return state;
}

Status InsertIndex(Database* database, const std::string& name, const IndexSettings& settings) {
  MINNOW_ASSIGN_OR_RETURN(Statement find,
                          database->Prepare("SELECT 1 FROM minnow_indexes WHERE name = ?"));
  find.Bind(1, name);
  MINNOW_ASSIGN_OR_RETURN(const bool exists, find.Step());
  if (exists) {
    return Error{Code::kInvalidArgument, "name: index " + QuoteForMessage(name) + " exists"};
  }
  MINNOW_ASSIGN_OR_RETURN(
      Statement insert, database->Prepare("INSERT INTO minnow_indexes(name, settings, created_at, "
                                          "tokenizer_version) VALUES(?, ?, ?, ?)"));
  const std::string json = SettingsJson(settings);
  insert.Bind(1, name).Bind(2, json).Bind(3, NowMs()).Bind(4, kLexicalVersion);
  MINNOW_RETURN_IF_ERROR(insert.Run());
  return CreateIndexTables(database, database->last_insert_id());
}

}  // namespace

Store::Store(std::shared_ptr<StoreState> state) : state_(std::move(state)) {}
Store::~Store() = default;

// What tells one list of indexes from another: ids are never given again.
Result<std::pair<int64_t, int64_t>> StoreState::ReadListVersion(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement read,
      database->Prepare("SELECT count(*), coalesce(max(id), 0) FROM minnow_indexes"));
  MINNOW_RETURN_IF_ERROR(read.Step());
  return std::pair(read.Int(0), read.Int(1));
}

Status StoreState::Refresh(Database* database) {
  const std::lock_guard<std::mutex> refreshing(refresh_mutex);
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, Transaction::BeginRead(database));
  MINNOW_ASSIGN_OR_RETURN(const auto version, ReadListVersion(database));
  MINNOW_ASSIGN_OR_RETURN(
      Statement list,
      database->Prepare("SELECT id, name, settings, created_at FROM minnow_indexes ORDER BY id"));
  std::map<int64_t, std::shared_ptr<IndexState>> there;
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) break;
    const auto known = indexes.find(list.Int(0));  // changes under refresh_mutex only
    if (known != indexes.end()) {
      there.insert(*known);
    } else {
      MINNOW_ASSIGN_OR_RETURN(there[list.Int(0)], ReadIndex(list, *this, database));
    }
  }
  const std::lock_guard<std::mutex> lock(mutex);
  for (const auto& [id, index] : indexes) {
    if (!there.contains(id)) index->dropped = true;
  }
  indexes = std::move(there);
  list_version = version;
  return {};
}

Status StoreState::RefreshIfChanged() {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, connections->Read());
  MINNOW_ASSIGN_OR_RETURN(const auto version, ReadListVersion(reader.get()));
  {
    const std::lock_guard<std::mutex> lock(mutex);
    if (version == list_version) return {};
  }
  return Refresh(reader.get());
}

std::string Store::path() const { return ShownPath(state_->connections->path()); }
bool Store::read_only() const { return state_->connections->read_only(); }

Result<std::unique_ptr<Store>> Store::Open(const std::string& path, const StoreOptions& options) {
  MINNOW_RETURN_IF_ERROR(CheckStoreFile(path, options));
  std::unique_ptr<Database> writer;
  if (!options.read_only) {
    MINNOW_ASSIGN_OR_RETURN(writer, OpenWriter(path, options));
    RemoveStraySidecars(writer.get(), path);
  }
  MINNOW_ASSIGN_OR_RETURN(Connections::Opener open, FindReadMode(path, options.vfs));
  auto state = std::make_shared<StoreState>();
  state->connections =
      std::make_shared<Connections>(path, std::move(writer), std::move(open), options.readers);
  state->place_of = [path, rows = options.sidecar_rows](int64_t index) {
    SidecarPlace place;
    place.min_rows = static_cast<int64_t>(std::max<size_t>(rows, 1));
    place.path = SidecarPath(path, index);
    return place;
  };
  return Load(std::move(state));
}

Result<std::unique_ptr<Store>> Store::OpenBundled(const BundledStore& bundle, int readers) {
  MINNOW_ASSIGN_OR_RETURN(
      MappedFile file, MappedFile::OpenRange(bundle.path, bundle.store.offset, bundle.store.bytes));
  const auto bytes = std::make_shared<BytesFile>(std::move(file));
  MINNOW_ASSIGN_OR_RETURN(Connections::Opener open, FindReadMode(bytes->name(), BytesFile::vfs()));
  auto state = std::make_shared<StoreState>();
  // Readers keep the bytes alive.
  state->connections = std::make_shared<Connections>(
      bundle.path, nullptr, [bytes, open] { return open(); }, readers);
  state->place_of = [bundle](int64_t index) {
    SidecarPlace place;
    const auto found = bundle.sidecars.find(index);
    if (found == bundle.sidecars.end()) return place;
    place.path = bundle.beside ? SidecarPath(bundle.path, index) : bundle.path;
    place.whole_file = false;
    place.offset = found->second.offset;
    place.bytes = found->second.bytes;
    return place;
  };
  return Load(std::move(state));
}

Result<std::unique_ptr<Store>> Store::Load(std::shared_ptr<StoreState> state) {
  std::unique_ptr<Store> store(new Store(std::move(state)));
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, store->state_->connections->Read());
  MINNOW_RETURN_IF_ERROR(CheckSchema(reader.get()));
  MINNOW_RETURN_IF_ERROR(store->state_->Refresh(reader.get()));
  return store;
}

Result<std::shared_ptr<SearchIndex>> Store::CreateIndex(const std::string& name,
                                                        const IndexSettings& settings) {
  if (!IsName(name)) {
    return Error{Code::kInvalidArgument,
                 "name: expected 1 to 64 of A-Z, a-z, 0-9, _ and -, got " + QuoteForMessage(name)};
  }
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, state_->connections->Write());
  {
    MINNOW_ASSIGN_OR_RETURN(Transaction transaction, Transaction::BeginWrite(writer.get()));
    MINNOW_RETURN_IF_ERROR(InsertIndex(writer.get(), name, settings));
    MINNOW_RETURN_IF_ERROR(transaction.Commit());
  }
  MINNOW_RETURN_IF_ERROR(state_->Refresh(writer.get()));
  return FindIndex(name);
}

Result<std::shared_ptr<SearchIndex>> Store::FindIndex(const std::string& name) const {
  MINNOW_RETURN_IF_ERROR(state_->RefreshIfChanged());
  const std::lock_guard<std::mutex> lock(state_->mutex);
  for (const auto& [id, index] : state_->indexes) {
    if (index->name == name) return std::make_shared<SearchIndex>(index);
  }
  return Error{Code::kNotFound, "index " + QuoteForMessage(name) + ": does not exist"};
}

std::vector<std::shared_ptr<SearchIndex>> Store::Indexes() const {
  // Where the list cannot be read, the one known so far is as good an answer.
  (void)state_->RefreshIfChanged();
  const std::lock_guard<std::mutex> lock(state_->mutex);
  std::vector<std::shared_ptr<SearchIndex>> indexes;
  for (const auto& [id, index] : state_->indexes) {
    indexes.push_back(std::make_shared<SearchIndex>(index));
  }
  return indexes;
}

Status Store::DropIndex(const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, state_->connections->Write());
  MINNOW_ASSIGN_OR_RETURN(const std::shared_ptr<SearchIndex> index, FindIndex(name));
  {
    // Another process may drop it meanwhile.
    MINNOW_ASSIGN_OR_RETURN(Transaction transaction, index->state_->BeginWrite(writer.get()));
    MINNOW_RETURN_IF_ERROR(FailTasksOfIndex(writer.get(), index->id(),
                                            "index " + QuoteForMessage(name) + " was dropped"));
    MINNOW_RETURN_IF_ERROR(DropIndexTables(writer.get(), index->id()));
    MINNOW_ASSIGN_OR_RETURN(Statement remove,
                            writer->Prepare("DELETE FROM minnow_indexes WHERE id = ?"));
    MINNOW_RETURN_IF_ERROR(remove.Bind(1, index->id()).Run());
    MINNOW_RETURN_IF_ERROR(transaction.Commit());
  }
  std::remove(SidecarPath(path(), index->id()).c_str());
  return state_->Refresh(writer.get());
}

Result<TaskRecord> Store::FindTask(int64_t id) const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->connections->Read());
  return minnow::FindTask(reader.get(), id);
}

Result<TaskPage> Store::Tasks(size_t offset, size_t limit) const {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state_->connections->Read());
  return ListTasks(reader.get(), offset, limit);
}

Status Store::FailTask(int64_t id, const std::string& error) {
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, state_->connections->Write());
  return minnow::FailTask(writer.get(), id, error);
}

Status Store::Backup(const std::string& path, const Progress& progress) const {
  return BackupDatabase(state_->connections.get(), path, progress);
}

Status Store::Compact(const Progress& progress) {
  return CompactDatabase(state_->connections.get(), progress);
}

Status Store::Verify(const Progress& progress) const {
  MINNOW_RETURN_IF_ERROR(VerifyDatabase(state_->connections.get(), progress));
  for (const auto& index : Indexes()) {
    MINNOW_RETURN_IF_ERROR(VerifyIndex(*index->state_, progress));
  }
  return {};
}

Status Store::RunMaintenance(bool at_end, ThreadPool* pool) {
  Status first;
  const auto note = [&first](Status status) {
    if (first.ok()) first = std::move(status);
  };
  for (const auto& index : Indexes()) {
    note(index->state_->live->Maintain(state_->connections.get(), at_end, pool));
  }
  if (!read_only() && !at_end) note(FreeSomeSpace(state_->connections.get()));
  return first;
}

}  // namespace minnow
