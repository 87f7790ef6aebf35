// SPDX-License-Identifier: Apache-2.0
#include "index/query/attribute_table.h"

#include <algorithm>

#include "index/query/field_values.h"

namespace minnow {
namespace {

// Rows of documents that are gone are kept up to this many, and up to half of all.
constexpr size_t kMinDead = 1'024;
// How often columns are made anew because other searches drove them out.
constexpr int kMaxAttempts = 3;

const AttributeColumn& EmptyColumn() {
  static const AttributeColumn column;
  return column;
}

Result<JsonDocument> ParseStored(int64_t document, std::string_view json) {
  return JsonDocument::Parse(json, "document in row " + std::to_string(document));
}

}  // namespace

void AttributeTable::AddKnownPaths(const JsonView& json, Paths& paths) const {
  if (!paths.all) return;
  VisitFieldPaths(json, [&](const std::string& key) {
    if (paths.keys.size() < limits_.max_known_paths) {
      paths.keys.insert(key);
    } else if (!paths.keys.contains(key)) {
      paths.all = false;
    }
  });
}

void AttributeTable::Add(int64_t document, const JsonView& json) {
  const std::lock_guard change(change_mutex_);
  // Without columns there is nothing to keep up to date. A scan may have seen the row before us.
  if (!loaded_ || (!ids_.empty() && document <= ids_.back())) {
    ++generation_;
    return;
  }
  std::vector<FieldValues> values;  // made before searches have to wait
  for (const auto& [field, column] : columns_) values.push_back(CollectFieldValues(json, field));
  const std::unique_lock lock(data_mutex_);
  const size_t ordinal = ids_.size();
  ids_.push_back(document);
  live_.Resize(ordinal + 1);
  live_.Set(ordinal);
  AddKnownPaths(json, known_paths_);
  auto next = values.begin();
  for (auto column = columns_.begin(); column != columns_.end();) {
    column->second->values.Append(ordinal, *next++);
    if (column->second->values.string_bytes() > limits_.max_column_bytes) {
      too_large_.insert(column->first);
      column = columns_.erase(column);
    } else {
      ++column;
    }
  }
  snapshot_.reset();
  ++generation_;
}

void AttributeTable::Remove(int64_t document) {
  const std::lock_guard change(change_mutex_);
  const std::unique_lock lock(data_mutex_);
  ++generation_;
  const size_t ordinal = DocumentSet::Find(ids_, document);
  if (ordinal == ids_.size() || !live_.Get(ordinal)) return;
  live_.Clear(ordinal);
  if (++dead_ > kMinDead && dead_ > ids_.size() / 2) Unload();
}

// The next filter reads everything anew.
void AttributeTable::Unload() {
  loaded_ = false;
  ids_.clear();
  live_ = Bitmap();
  dead_ = 0;
  columns_.clear();
  too_large_.clear();
  known_paths_ = {};
  snapshot_.reset();
}

bool AttributeTable::MayExist(const FieldPath& field) const {
  return !known_paths_.all || known_paths_.keys.contains(FieldPathKey(field));
}

bool AttributeTable::HasColumns(const std::vector<FieldPath>& fields) const {
  return loaded_ && std::all_of(fields.begin(), fields.end(), [&](const FieldPath& field) {
           return columns_.contains(field) || !MayExist(field);
         });
}

const AttributeColumn& AttributeTable::Find(const FieldPath& field) const {
  const auto found = columns_.find(field);
  if (found == columns_.end()) return EmptyColumn();
  found->second->last_use = ++clock_;
  return found->second->values;
}

Result<bool> AttributeTable::WithColumns(const std::vector<FieldPath>& fields, const Scan& scan,
                                         const std::function<void()>& use) {
  if (fields.size() > limits_.max_columns) return false;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    {
      const std::shared_lock lock(data_mutex_);
      if (HasColumns(fields)) {
        use();
        return true;
      }
      for (const FieldPath& field : fields) {
        if (too_large_.contains(field)) return false;
      }
    }
    MINNOW_RETURN_IF_ERROR(Build(fields, scan));
  }
  return false;
}

// One scan makes all that is missing, and the list of documents at first.
Status AttributeTable::Build(const std::vector<FieldPath>& fields, const Scan& scan) {
  const std::lock_guard change(change_mutex_);
  // Nobody changes anything while we hold change_mutex_, so reading needs no other.
  if (HasColumns(fields)) return {};
  const bool loading = !loaded_;
  Columns columns;
  for (const FieldPath& field : fields) {
    if (loading || (!columns_.contains(field) && MayExist(field))) {
      columns[field] = std::make_unique<Column>();
    }
  }
  std::vector<int64_t> ids;
  Paths paths;
  std::set<FieldPath> too_large;
  Status problem;
  const Status scanned = scan([&](int64_t document, std::string_view json) {
    if (!problem.ok()) return;
    const size_t ordinal = loading ? ids.size() : DocumentSet::Find(ids_, document);
    // A row that Add has not told us yet.
    if (!loading && ordinal == ids_.size()) return;
    auto parsed = ParseStored(document, json);
    if (!parsed.ok()) {
      problem = std::move(parsed).error();
      return;
    }
    const JsonView root = parsed->root();
    if (loading) {
      ids.push_back(document);
      AddKnownPaths(root, paths);
    }
    for (auto column = columns.begin(); column != columns.end();) {
      column->second->values.Append(ordinal, CollectFieldValues(root, column->first));
      const bool fits = column->second->values.string_bytes() <= limits_.max_column_bytes;
      if (!fits) too_large.insert(column->first);
      column = fits ? std::next(column) : columns.erase(column);
    }
  });
  MINNOW_RETURN_IF_ERROR(scanned);
  MINNOW_RETURN_IF_ERROR(problem);

  const std::unique_lock lock(data_mutex_);
  if (loading) {
    ids_ = std::move(ids);
    live_ = Bitmap(ids_.size());
    live_.Not();
    known_paths_ = std::move(paths);
    loaded_ = true;
  }
  too_large_.merge(too_large);
  Install(std::move(columns));
  return {};
}

void AttributeTable::Install(Columns columns) {
  for (auto& [field, column] : columns) {
    if (columns_.size() >= limits_.max_columns) {
      const auto unused = std::min_element(
          columns_.begin(), columns_.end(),
          [](const auto& a, const auto& b) { return a.second->last_use < b.second->last_use; });
      columns_.erase(unused);
    }
    column->last_use = ++clock_;
    columns_[field] = std::move(column);
  }
}

Bitmap AttributeTable::Evaluate(const FilterNode& node) const {
  Bitmap out(ids_.size());
  switch (node.kind) {
    case FilterNode::Kind::kAll:
      out.Not();
      break;
    case FilterNode::Kind::kNot:
      out = Evaluate(node.children.front());
      out.Not();
      break;
    case FilterNode::Kind::kTest:
      return Find(node.field).Evaluate(node, ids_.size());
    case FilterNode::Kind::kAnd:
    case FilterNode::Kind::kOr:
      out = Evaluate(node.children.front());
      for (size_t i = 1; i < node.children.size(); ++i) {
        const Bitmap part = Evaluate(node.children[i]);
        node.kind == FilterNode::Kind::kAnd ? out.And(part) : out.Or(part);
      }
  }
  return out;
}

DocumentSet::RowIds AttributeTable::Ids() const {
  const std::lock_guard lock(small_mutex_);
  if (!snapshot_) snapshot_ = std::make_shared<const std::vector<int64_t>>(ids_);
  return snapshot_;
}

Result<std::shared_ptr<const DocumentSet>> AttributeTable::Select(const Filter& filter,
                                                                  const std::string& text,
                                                                  const Scan& scan) {
  if (auto cached = CachedSet(text)) return cached;
  CachedFilter entry;
  entry.text = text;
  MINNOW_ASSIGN_OR_RETURN(const bool done, WithColumns(filter.fields(), scan, [&] {
                            entry.generation = generation();
                            Bitmap bits = Evaluate(filter.root());
                            bits.And(live_);
                            entry.documents =
                                std::make_shared<const DocumentSet>(Ids(), std::move(bits));
                          }));
  if (!done) return SelectSlowly(filter, scan);
  auto documents = entry.documents;
  Cache(std::move(entry));
  return documents;
}

Result<std::shared_ptr<const DocumentSet>> AttributeTable::SelectSlowly(const Filter& filter,
                                                                        const Scan& scan) {
  auto ids = std::make_shared<std::vector<int64_t>>();
  Status problem;
  MINNOW_RETURN_IF_ERROR(scan([&](int64_t document, std::string_view json) {
    if (!problem.ok()) return;
    auto parsed = ParseStored(document, json);
    if (!parsed.ok()) {
      problem = std::move(parsed).error();
    } else if (filter.Matches(parsed->root())) {
      ids->push_back(document);
    }
  }));
  MINNOW_RETURN_IF_ERROR(problem);
  Bitmap bits(ids->size());
  bits.Not();
  return std::make_shared<const DocumentSet>(std::move(ids), std::move(bits));
}

std::shared_ptr<const DocumentSet> AttributeTable::CachedSet(const std::string& text) {
  const std::lock_guard lock(small_mutex_);
  const auto found = std::find_if(cache_.begin(), cache_.end(),
                                  [&](const CachedFilter& entry) { return entry.text == text; });
  if (found == cache_.end()) return nullptr;
  if (found->generation != generation()) {
    cache_.erase(found);
    return nullptr;
  }
  cache_.splice(cache_.begin(), cache_, found);
  return cache_.front().documents;
}

void AttributeTable::Cache(CachedFilter entry) {
  const std::lock_guard lock(small_mutex_);
  cache_.remove_if([&](const CachedFilter& other) {
    return other.text == entry.text || other.generation != entry.generation;
  });
  cache_.push_front(std::move(entry));
  if (cache_.size() > limits_.max_cached_filters) cache_.pop_back();
}

Status AttributeTable::WithColumn(const std::string& field, const std::string& what,
                                  const Scan& scan,
                                  const std::function<void(const AttributeColumn&)>& use) {
  MINNOW_ASSIGN_OR_RETURN(const FieldPath path, ParseFieldPath(field, what));
  MINNOW_ASSIGN_OR_RETURN(const bool done, WithColumns({path}, scan, [&] { use(Find(path)); }));
  if (done) return {};
  return Error{Code::kInvalidArgument, what + ": field " + QuoteForMessage(field) +
                                           " holds too much text, limit " +
                                           std::to_string(limits_.max_column_bytes) + " bytes"};
}

Bitmap AttributeTable::BitsOf(std::span<const int64_t> documents) const {
  Bitmap bits(ids_.size());
  for (const int64_t document : documents) {
    const size_t ordinal = DocumentSet::Find(ids_, document);
    if (ordinal < ids_.size()) bits.Set(ordinal);
  }
  bits.And(live_);
  return bits;
}

Result<FacetCounts> AttributeTable::CountFacets(const std::string& field,
                                                std::span<const int64_t> documents,
                                                const Scan& scan) {
  FacetCounts counts;
  MINNOW_RETURN_IF_ERROR(WithColumn(field, "facets", scan, [&](const AttributeColumn& column) {
    counts = column.CountValues(BitsOf(documents), kMaxFacetValues);
  }));
  return counts;
}

Result<FacetCounts> AttributeTable::CountFacets(const std::string& field,
                                                const DocumentSet& documents, const Scan& scan) {
  FacetCounts counts;
  MINNOW_RETURN_IF_ERROR(WithColumn(field, "facets", scan, [&](const AttributeColumn& column) {
    // Ordinals mean the same as long as the ids are the very same.
    const bool same_ids = documents.ids() == Ids();
    Bitmap bits = same_ids ? documents.bits() : BitsOf(documents.Documents());
    bits.And(live_);
    counts = column.CountValues(bits, kMaxFacetValues);
  }));
  return counts;
}

Result<std::vector<std::optional<std::string>>> AttributeTable::GroupKeys(
    const std::string& field, std::span<const int64_t> documents, const Scan& scan) {
  std::vector<std::optional<std::string>> keys;
  MINNOW_RETURN_IF_ERROR(WithColumn(field, "group_by", scan, [&](const AttributeColumn& column) {
    for (const int64_t document : documents) {
      keys.push_back(column.FirstValue(DocumentSet::Find(ids_, document)));
    }
  }));
  return keys;
}

}  // namespace minnow
