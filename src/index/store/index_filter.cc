// SPDX-License-Identifier: Apache-2.0
#include "index/store/index_filter.h"

#include <algorithm>
#include <vector>

#include "index/query/filter.h"
#include "index/store/index_state.h"

namespace minnow {
namespace {

constexpr size_t kKeptFilters = 16;

}  // namespace

AttributeTable::Scan ScanOf(const IndexState& state) {
  return [&state](const AttributeTable::Visitor& visit) -> Status {
    // Its own connection: the snapshot has to begin now.
    MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, state.Read());
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
