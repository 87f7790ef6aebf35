// SPDX-License-Identifier: Apache-2.0
// What a store and its indexes share; known to the files of this folder only.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "index/sqlite/connections.h"
#include "index/sqlite/sqlite.h"
#include "index/store/document.h"
#include "index/store/index_filter.h"
#include "index/store/live_index.h"
#include "index/store/search_index.h"

namespace minnow {

struct IndexState {
  std::shared_ptr<Connections> connections;
  int64_t id = 0;
  std::string name;
  IndexSettings settings;
  int64_t created_at_ms = 0;
  std::unique_ptr<LiveIndex> live;
  RowFilters row_filters;
  std::atomic<bool> dropped{false};

  std::string Sql(std::string_view sql) const;
  // kNotFound after DropIndex.
  Status CheckAlive() const;
  Result<Connections::Writer> Write() const;
  Result<Connections::Reader> Read() const;
  // Transactions in which the index is listed: kNotFound also where another process dropped it.
  Result<Transaction> BeginWrite(Database* database) const;
  Result<Transaction> BeginRead(Database* database) const;
};

// A transaction in which the index is listed, for who knows its id alone; else kNotFound, where
// `what` says of which index.
Result<Transaction> BeginIndexWrite(Database* database, int64_t index, const std::string& what);

// Rows of minnow_indexes.
std::string SettingsJson(const IndexSettings& settings);
Result<IndexSettings> ParseSettings(std::string_view json, const std::string& where);
std::string ModelJson(const ModelIdentity& model);
Result<ModelIdentity> ParseModel(std::string_view json, const std::string& where);
// The model of an index, as the connection sees it now.
Result<std::optional<ModelIdentity>> ReadModel(Database* database, int64_t index);

Result<size_t> CountDocuments(Database* database, int64_t index);

struct StoreState {
  std::shared_ptr<Connections> connections;
  std::function<SidecarPlace(int64_t index)> place_of;

  // Brings `indexes` level with the store's list, whoever changed it. `database` is in no
  // transaction.
  Status Refresh(Database* database);
  Status RefreshIfChanged();
  static Result<std::pair<int64_t, int64_t>> ReadListVersion(Database* database);

  std::mutex refresh_mutex;  // one Refresh at a time; taken before mutex
  std::mutex mutex;          // guards what follows
  std::map<int64_t, std::shared_ptr<IndexState>> indexes;
  std::pair<int64_t, int64_t> list_version;
};

}  // namespace minnow
