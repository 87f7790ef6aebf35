// SPDX-License-Identifier: Apache-2.0
// AttributeTable: the fields of one index's documents in memory, for filters, facets and groups.
//
// Nothing is read until the first filter; a field's column is made when something names the field
// first, and is kept up to date from then on. Documents are named by row ids, which only grow: a
// replaced document has a new one.
//
// Thread-safe. Searches wait for each other only while they make a column, and for a writer only
// for the microseconds in which it adds its rows. A writer waits while a column is made.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "index/query/attribute_column.h"
#include "index/query/bitmap.h"
#include "index/query/document_set.h"
#include "index/query/filter.h"
#include "index/query/search_request.h"

namespace minnow {

struct AttributeTableLimits {
  size_t max_columns = 64;  // the longest unused goes first
  // A field with more bytes of distinct strings gets no column: filters read its documents.
  size_t max_column_bytes = size_t{256} << 20;
  size_t max_known_paths = 4'096;
  size_t max_cached_filters = 64;
};

inline constexpr size_t kMaxFacetValues = 100;

class AttributeTable {
 public:
  using Visitor = std::function<void(int64_t document, std::string_view json)>;
  // Calls the visitor for every document of the index, by ascending row id, as they stand in one
  // snapshot that begins after the call. Called on the thread that asks the table.
  using Scan = std::function<Status(const Visitor&)>;

  explicit AttributeTable(const AttributeTableLimits& limits = {}) : limits_(limits) {}

  // To be told after each commit, in the order of commits. Row ids of Add must grow.
  void Add(int64_t document, const JsonView& json);
  void Remove(int64_t document);
  // Changes with each Add and Remove.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // The documents that `filter` lets through; the same object while nothing has changed. `text` is
  // what the filter was parsed from. Fails as `scan` does, and with kCorrupt where a document is
  // not JSON.
  Result<std::shared_ptr<const DocumentSet>> Select(const Filter& filter, const std::string& text,
                                                    const Scan& scan);

  // How many of `documents` have each value of `field`: the most frequent kMaxFacetValues. Numbers
  // and booleans stand as in JSON; a string that is spelled like one of them stands in quotes.
  // Documents that are gone do not count. Fails with kInvalidArgument (no field, or one with too
  // much text), and as Select does.
  Result<FacetCounts> CountFacets(const std::string& field, std::span<const int64_t> documents,
                                  const Scan& scan);
  Result<FacetCounts> CountFacets(const std::string& field, const DocumentSet& documents,
                                  const Scan& scan);

  // For each of `documents`, its value of `field` with its type, as a key; nullopt for none. Of an
  // array the first value counts. Fails as CountFacets does.
  Result<std::vector<std::optional<std::string>>> GroupKeys(const std::string& field,
                                                            std::span<const int64_t> documents,
                                                            const Scan& scan);

 private:
  struct Column {
    AttributeColumn values;
    std::atomic<uint64_t> last_use = 0;
  };
  using Columns = std::map<FieldPath, std::unique_ptr<Column>>;
  struct Paths {
    std::unordered_set<std::string> keys;
    bool all = true;  // false: there are more than are kept
  };
  struct CachedFilter {
    std::string text;
    uint64_t generation = 0;
    std::shared_ptr<const DocumentSet> documents;
  };

  // Calls `use` under data_mutex_, with columns for all of `fields`. False, and no call, where one
  // can have none.
  Result<bool> WithColumns(const std::vector<FieldPath>& fields, const Scan& scan,
                           const std::function<void()>& use);
  // The same for one field of a request's `what`, where having none is an error.
  Status WithColumn(const std::string& field, const std::string& what, const Scan& scan,
                    const std::function<void(const AttributeColumn&)>& use);
  Status Build(const std::vector<FieldPath>& fields, const Scan& scan);
  void Install(Columns columns);
  void AddKnownPaths(const JsonView& json, Paths& paths) const;
  void Unload();

  // Under data_mutex_, shared or not.
  bool MayExist(const FieldPath& field) const;
  bool HasColumns(const std::vector<FieldPath>& fields) const;
  const AttributeColumn& Find(const FieldPath& field) const;
  Bitmap Evaluate(const FilterNode& node) const;
  DocumentSet::RowIds Ids() const;
  Bitmap BitsOf(std::span<const int64_t> documents) const;

  Result<std::shared_ptr<const DocumentSet>> SelectSlowly(const Filter& filter, const Scan& scan);
  std::shared_ptr<const DocumentSet> CachedSet(const std::string& text);
  void Cache(CachedFilter entry);

  const AttributeTableLimits limits_;
  std::atomic<uint64_t> generation_ = 0;
  mutable std::atomic<uint64_t> clock_ = 0;  // counts uses of columns

  // Held by whoever adds, removes or makes columns; taken before data_mutex_.
  std::mutex change_mutex_;
  // What stands below changes under both; columns are made before, and only put in under it.
  mutable std::shared_mutex data_mutex_;
  bool loaded_ = false;
  std::vector<int64_t> ids_;  // by ordinal, ascending
  Bitmap live_;
  size_t dead_ = 0;
  Columns columns_;
  std::set<FieldPath> too_large_;
  Paths known_paths_;

  mutable std::mutex small_mutex_;        // of the two below
  mutable DocumentSet::RowIds snapshot_;  // of ids_, once asked for
  std::list<CachedFilter> cache_;         // last used first
};

}  // namespace minnow
