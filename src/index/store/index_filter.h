// SPDX-License-Identifier: Apache-2.0
// A filter's text made into what each retriever takes, and kept for the next search with it.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/result.h"
#include "index/query/attribute_table.h"
#include "index/query/document_set.h"
#include "index/sqlite/sqlite.h"
#include "index/vectors/row_filter.h"

namespace minnow {

struct IndexState;

// Walks over all documents of an index, as attributes want it (attribute_table.h).
AttributeTable::Scan ScanOf(const IndexState& state);

// The documents that `filter` lets through; null for a blank filter: all. Fails with
// kInvalidArgument ("filter: ...").
Result<std::shared_ptr<const DocumentSet>> SelectDocuments(const IndexState& state,
                                                           const std::string& filter);

// A read transaction, and the documents that a filter lets through in the state that it shows.
struct FilteredState {
  Transaction transaction;
  std::shared_ptr<const DocumentSet> allowed;  // null: all
};

// Memory is brought level with the store on the way. A blank filter waits for nobody; another one
// for those that are taking a change into memory. Fails as SelectDocuments does, and with
// kNotFound.
Result<FilteredState> BeginFiltered(const IndexState& state, Database* database,
                                    const std::string& filter);

// Row filters of the last few sets of documents. Thread-safe.
class RowFilters {
 public:
  std::shared_ptr<const RowFilter> For(const std::shared_ptr<const DocumentSet>& documents);

 private:
  struct Entry {
    std::shared_ptr<const DocumentSet> documents;
    std::shared_ptr<const RowFilter> filter;
  };
  std::mutex mutex_;
  std::list<Entry> entries_;  // last used first
};

}  // namespace minnow
