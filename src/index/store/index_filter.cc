// SPDX-License-Identifier: Apache-2.0
#include "index/store/index_filter.h"

#include <algorithm>
#include <vector>

#include "index/query/filter.h"
#include "index/store/index_state.h"

namespace minnow {
namespace {

constexpr size_t kKeptFilters = 16;
// How often a filter is asked again because the index changed meanwhile. Then its answer is that of
// a state beside the transaction's: a document that was replaced just now may be missing.
constexpr int kMaxAttempts = 20;

}  // namespace

AttributeTable::Scan ScanOf(const IndexState& state) {
  return [&state](const AttributeTable::Visitor& visit) -> Status {
    // Its own connection: the snapshot has to begin now.
    MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state.Read());
    MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, state.BeginRead(reader.get()));
    MINNOW_ASSIGN_OR_RETURN(const int64_t generation, ReadGeneration(reader.get(), state.id));
    state.live->NoteScan(generation);
    MINNOW_ASSIGN_OR_RETURN(
        Statement list, reader->Prepare(state.Sql("SELECT id, json FROM {documents} ORDER BY id")));
    for (;;) {
      MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
      if (!row) return {};
      visit(list.Int(0), list.Text(1));
    }
  };
}

Result<std::shared_ptr<const DocumentSet>> SelectDocuments(const IndexState& state,
                                                           const std::string& filter) {
  MINNOW_ASSIGN_OR_RETURN(const Filter parsed, Filter::Parse(filter));
  if (parsed.all()) return std::shared_ptr<const DocumentSet>();
  return state.live->attributes()->Select(parsed, filter, ScanOf(state));
}

Result<FilteredState> BeginFiltered(const IndexState& state, Database* database,
                                    const std::string& filter) {
  MINNOW_ASSIGN_OR_RETURN(const Filter parsed, Filter::Parse(filter));
  LiveIndex& live = *state.live;
  for (int attempt = 1;; ++attempt) {
    MINNOW_ASSIGN_OR_RETURN(Transaction transaction, state.BeginRead(database));
    MINNOW_RETURN_IF_ERROR(attempt == 1 ? live.CatchUpUnlessBusy(database)
                                        : live.CatchUp(database));
    if (parsed.all()) return FilteredState{std::move(transaction), nullptr};
    MINNOW_ASSIGN_OR_RETURN(const int64_t generation, ReadGeneration(database, state.id));
    const bool last = attempt == kMaxAttempts;
    if (!last && !live.AttributesAreOf(generation)) continue;
    MINNOW_ASSIGN_OR_RETURN(auto allowed, live.attributes()->Select(parsed, filter, ScanOf(state)));
    if (last || live.AttributesAreOf(generation)) {
      return FilteredState{std::move(transaction), std::move(allowed)};
    }
  }
}

std::shared_ptr<const RowFilter> RowFilters::For(
    const std::shared_ptr<const DocumentSet>& documents) {
  if (documents == nullptr) return nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.documents == documents;
    });
    if (found != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, found);
      return found->filter;
    }
  }
  const std::vector<int64_t> groups = documents->Documents();
  auto filter = std::make_shared<const RowFilter>(RowFilter::FromGroups(groups));
  const std::lock_guard lock(mutex_);
  entries_.push_front({documents, filter});
  if (entries_.size() > kKeptFilters) entries_.pop_back();
  return filter;
}

}  // namespace minnow
