// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/vector_index.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

#include "index/vectors/clustering.h"
#include "index/vectors/searcher.h"
#include "index/vectors/segment_builder.h"
#include "kernels/dispatch.h"

namespace minnow {
namespace {

// Appended rows become a segment; neighbours of like size are merged up to this, so that a search
// visits few and an Append never works long.
constexpr size_t kMostMerged = size_t{1} << 16;
// What Append sorts into lists itself, and what WantsClustering lets wait.
constexpr size_t kFewestSorted = size_t{1} << 14;
constexpr size_t kFirstChunkRows = 64;
constexpr size_t kLargestChunkRows = 4096;

// Memory for appended rows; a row is written once, before it is published.
struct RowChunk {
  RowChunk(size_t capacity, size_t dimensions)
      : capacity(capacity),
        rows(capacity * dimensions, PageSizeFor(capacity * dimensions * sizeof(float))) {}
  const size_t capacity;
  size_t used = 0;
  AlignedBuffer<float> rows;
};

// What a search sees; immutable but for the marks of removed rows.
struct Snapshot {
  Segments segments;  // oldest first: keys ascend
  int64_t last_key = std::numeric_limits<int64_t>::min();
};

// A number whose square, and sums of such, are still numbers; without a branch for each.
bool Storable(const float* x, size_t n) {
  constexpr float kLongest = 1e15f;
  bool storable = true;
  for (size_t i = 0; i < n; ++i) storable &= std::fabs(x[i]) < kLongest;
  return storable;
}

}  // namespace

struct VectorIndex::State {
  explicit State(size_t dimensions)
      : kernels(*ActiveKernels().scan),
        rotation(dimensions),
        snapshot(std::make_shared<const Snapshot>()) {}

  std::shared_ptr<const Snapshot> Now() const {
    const std::lock_guard lock(snapshot_mutex);
    return snapshot;
  }
  void Publish(Snapshot next) {
    auto shared = std::make_shared<const Snapshot>(std::move(next));
    const std::lock_guard lock(snapshot_mutex);
    snapshot.swap(shared);
  }

  void Store(const float* vectors, size_t n, VectorRows* out);
  std::shared_ptr<const Segment> OneList(RowSet rows) const;
  // In lists, where that pays. Null: a row cannot be read.
  std::shared_ptr<const Segment> InLists(RowSet rows, ThreadPool* pool) const;
  // Merges the newest segments of like size.
  void Settle(Segments* segments) const;

  const ScanKernels& kernels;
  const Rotation rotation;

  std::mutex writer;       // Append, Remove, and the begin and end of Cluster and SaveAndReopen
  std::mutex maintenance;  // one Cluster or SaveAndReopen at a time; taken before `writer`
  std::shared_ptr<RowChunk> chunk;         // guarded by writer
  size_t frozen = 0;                       // segments that maintenance is working on
  std::vector<int64_t> removed_meanwhile;  // from those

  mutable std::mutex snapshot_mutex;
  std::shared_ptr<const Snapshot> snapshot;
};

void VectorIndex::State::Store(const float* vectors, size_t n, VectorRows* out) {
  const size_t dimensions = rotation.dimensions();
  for (size_t row = 0; row < n; ++row) {
    if (chunk == nullptr || chunk->used == chunk->capacity) {
      const size_t grown =
          chunk == nullptr ? kFirstChunkRows : std::min(2 * chunk->capacity, kLargestChunkRows);
      chunk = std::make_shared<RowChunk>(std::max(grown, n - row), dimensions);
    }
    float* to = chunk->rows.data() + chunk->used * dimensions;
    const float* from = vectors + row * dimensions;
    std::memcpy(to, from, dimensions * sizeof(float));
    if (!Storable(to, dimensions)) std::fill(to, to + dimensions, 0.0f);
    ++chunk->used;
    out->AddMemory(to, 1, chunk);
  }
}

std::shared_ptr<const Segment> VectorIndex::State::OneList(RowSet rows) const {
  RowLists lists;
  if (!MakeOneList(kernels, rotation, rows.vectors, &lists)) return nullptr;
  return BuildSegment(kernels, rotation, std::move(rows), std::move(lists), nullptr);
}

std::shared_ptr<const Segment> VectorIndex::State::InLists(RowSet rows, ThreadPool* pool) const {
  const size_t count = ListsFor(rows.size());
  if (count == 1) return OneList(std::move(rows));
  RowLists lists;
  if (!ClusterRows(ActiveKernels(), rotation, rows.vectors, count, pool, &lists)) return nullptr;
  return BuildSegment(kernels, rotation, std::move(rows), std::move(lists), pool);
}

void VectorIndex::State::Settle(Segments* segments) const {
  while (segments->size() >= frozen + 2) {
    const Segment& last = *(*segments)[segments->size() - 1];
    const Segment& before = *(*segments)[segments->size() - 2];
    if (before.clustered() || !before.in_memory()) return;
    if (before.rows() >= 2 * last.rows() || before.rows() + last.rows() > kMostMerged) return;
    RowSet rows(rotation.dimensions());
    rows.AddLive(before);
    rows.AddLive(last);
    segments->pop_back();
    segments->back() = OneList(std::move(rows));  // of memory, so never null
  }
}

VectorIndex::VectorIndex(size_t dimensions) : state_(std::make_unique<State>(dimensions)) {}
VectorIndex::~VectorIndex() = default;

Status VectorIndex::Append(std::span<const int64_t> keys, std::span<const int64_t> groups,
                           std::span<const float> vectors) {
  const std::lock_guard lock(state_->writer);
  Snapshot next = *state_->Now();
  if (groups.size() != keys.size() || vectors.size() != keys.size() * dimensions()) {
    return Error{Code::kInvalidArgument, "vectors: " + std::to_string(keys.size()) + " keys, " +
                                             std::to_string(groups.size()) + " groups and " +
                                             std::to_string(vectors.size()) +
                                             " numbers of rows of " + std::to_string(dimensions())};
  }
  if (keys.empty()) return Status();
  // INT64_MIN stands for "none yet".
  int64_t before = next.last_key;
  for (const int64_t key : keys) {
    if (key <= before) {
      return Error{Code::kInvalidArgument, "vectors: key " + std::to_string(key) +
                                               " does not follow " + std::to_string(before)};
    }
    before = key;
  }
  RowSet rows(dimensions());
  rows.keys.assign(keys.begin(), keys.end());
  rows.groups.assign(groups.begin(), groups.end());
  state_->Store(vectors.data(), keys.size(), &rows.vectors);
  // A load of many rows is sorted at once; a few wait for Cluster.
  next.segments.push_back(keys.size() < kFewestSorted ? state_->OneList(std::move(rows))
                                                      : state_->InLists(std::move(rows), nullptr));
  next.last_key = keys.back();
  state_->Settle(&next.segments);
  state_->Publish(std::move(next));
  return Status();
}

size_t VectorIndex::Remove(std::span<const int64_t> keys) {
  const std::lock_guard lock(state_->writer);
  const auto now = state_->Now();
  size_t removed = 0;
  for (const int64_t key : keys) {
    for (size_t s = 0; s < now->segments.size(); ++s) {
      const uint32_t row = now->segments[s]->FindRow(key);
      if (row == kNoRow) continue;
      if (now->segments[s]->Remove(row)) ++removed;
      if (s < state_->frozen) state_->removed_meanwhile.push_back(key);
      break;
    }
  }
  return removed;
}

Result<std::vector<VectorHit>> VectorIndex::Search(const VectorQuery& query) const {
  if (query.vector.size() != dimensions()) {
    return Error{Code::kInvalidArgument, "vector: " + std::to_string(query.vector.size()) +
                                             " dimensions, the index has " +
                                             std::to_string(dimensions())};
  }
  const auto now = state_->Now();
  if (query.limit == 0 || now->segments.empty()) return std::vector<VectorHit>();
  return Searcher(state_->kernels, state_->rotation, now->segments, query).Run();
}

bool VectorIndex::WantsClustering() const {
  const auto now = state_->Now();
  size_t rows = 0, removed = 0, largest = 0;
  for (const auto& segment : now->segments) {
    rows += segment->rows();
    removed += segment->removed();
    if (segment->clustered()) largest = std::max(largest, segment->rows());
  }
  return std::max(rows - largest, removed) > std::max(kFewestSorted, largest / 4);
}

size_t VectorIndex::dimensions() const { return state_->rotation.dimensions(); }

int64_t VectorIndex::last_key() const { return state_->Now()->last_key; }

bool VectorIndex::Contains(int64_t key) const {
  const auto now = state_->Now();
  for (const auto& segment : now->segments) {
    const uint32_t row = segment->FindRow(key);
    if (row != kNoRow) return segment->IsLive(row);
  }
  return false;
}

VectorIndexStats VectorIndex::stats() const {
  const auto now = state_->Now();
  VectorIndexStats stats;
  for (const auto& segment : now->segments) {
    const size_t removed = segment->removed();
    stats.rows += segment->rows() - removed;
    stats.removed_rows += removed;
    if (segment->clustered()) stats.clustered_rows += segment->rows() - removed;
    stats.lists += segment->arrays().lists.size();
    const size_t scanned =
        segment->arrays().block_count * segment->block_bytes() +
        segment->slots() * (segment->arrays().dimensions + sizeof(QuantizedHead));
    const size_t exact = segment->rows() * dimensions() * sizeof(float);
    (segment->in_memory() ? stats.memory_bytes : stats.mapped_bytes) += scanned + exact;
  }
  return stats;
}

// Without the file's part yet.
Result<std::unique_ptr<VectorIndex>> VectorIndex::Open(const std::string& path,
                                                       const SidecarIdentity&) {
  return Error{Code::kNotFound, path + ": not written yet"};
}
Result<std::unique_ptr<VectorIndex>> VectorIndex::OpenRange(const std::string& path, uint64_t,
                                                            uint64_t, const SidecarIdentity&) {
  return Error{Code::kNotFound, path + ": not written yet"};
}
Status VectorIndex::Verify() const { return Status(); }
void VectorIndex::Cluster(ThreadPool* pool) {
  const std::lock_guard maintenance(state_->maintenance);
  std::shared_ptr<const Snapshot> before;
  {
    const std::lock_guard lock(state_->writer);
    before = state_->Now();
    state_->frozen = before->segments.size();
  }
  RowSet rows(dimensions());
  for (const auto& segment : before->segments) rows.AddLive(*segment);
  const auto segment = state_->InLists(std::move(rows), pool);
  const std::lock_guard lock(state_->writer);
  if (segment != nullptr) {
    Snapshot next = *state_->Now();
    next.segments.erase(next.segments.begin(),
                        next.segments.begin() + static_cast<std::ptrdiff_t>(state_->frozen));
    next.segments.insert(next.segments.begin(), segment);
    for (const int64_t key : state_->removed_meanwhile) {
      const uint32_t row = segment->FindRow(key);
      if (row != kNoRow) segment->Remove(row);
    }
    state_->Publish(std::move(next));
  }
  state_->removed_meanwhile.clear();
  state_->frozen = 0;
}
Status VectorIndex::Save(const std::string&, const SidecarIdentity&, ThreadPool*) const {
  return Status();
}
Status VectorIndex::SaveAndReopen(const std::string&, const SidecarIdentity&, ThreadPool*) {
  return Status();
}

}  // namespace minnow
