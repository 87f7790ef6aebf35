// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/vector_index.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>

#include "index/vectors/clustering.h"
#include "index/vectors/searcher.h"
#include "index/vectors/segment_builder.h"
#include "index/vectors/sidecar_file.h"
#include "index/vectors/sidecar_writer.h"
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
  Segments segments;                           // oldest first: keys ascend
  std::shared_ptr<const SidecarFile> sidecar;  // that rows lie in; or null
  int64_t last_key = std::numeric_limits<int64_t>::min();
};

// What Cluster or SaveAndReopen put in the place of segments.
struct Reworked {
  std::shared_ptr<const Segment> segment;  // null: they stay
  std::shared_ptr<const SidecarFile> sidecar;
};

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

  RowSet LiveRows(const Snapshot& from) const;
  void Store(const float* vectors, size_t n, VectorRows* out);
  std::shared_ptr<const Segment> OneList(RowSet rows) const;
  // In lists, where that pays. False: a row cannot be read.
  bool Sort(const VectorRows& rows, ThreadPool* pool, RowLists* lists) const;
  // Null: a row cannot be read.
  std::shared_ptr<const Segment> InLists(RowSet rows, ThreadPool* pool) const;
  // Merges the newest segments of like size.
  void Settle(Segments* segments) const;
  // Lets `make` build from all rows what takes their place; Append and Remove go on meanwhile.
  template <class Make>
  Status Rework(const Make& make);
  Status Write(const Snapshot& from, const std::string& path, const SidecarIdentity& identity,
               ThreadPool* pool) const;
  static Result<std::unique_ptr<VectorIndex>> FromSidecar(MappedFile mapped,
                                                          const SidecarIdentity& expected);

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
    if (!AllBelow(to, dimensions, kLargestElement)) std::fill(to, to + dimensions, 0.0f);
    ++chunk->used;
    out->AddMemory(to, 1, chunk);
  }
}

std::shared_ptr<const Segment> VectorIndex::State::OneList(RowSet rows) const {
  RowLists lists;
  if (!MakeOneList(kernels, rotation, rows.vectors, &lists)) return nullptr;
  return BuildSegment(kernels, rotation, std::move(rows), std::move(lists), nullptr);
}

bool VectorIndex::State::Sort(const VectorRows& rows, ThreadPool* pool, RowLists* lists) const {
  const size_t count = ListsFor(rows.size());
  if (count == 1) return MakeOneList(kernels, rotation, rows, lists);
  return ClusterRows(ActiveKernels(), rotation, rows, count, pool, lists);
}

std::shared_ptr<const Segment> VectorIndex::State::InLists(RowSet rows, ThreadPool* pool) const {
  RowLists lists;
  if (!Sort(rows.vectors, pool, &lists)) return nullptr;
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

RowSet VectorIndex::State::LiveRows(const Snapshot& from) const {
  RowSet rows(rotation.dimensions());
  for (const auto& segment : from.segments) rows.AddLive(*segment);
  return rows;
}

template <class Make>
Status VectorIndex::State::Rework(const Make& make) {
  const std::lock_guard one_at_a_time(maintenance);
  std::shared_ptr<const Snapshot> before;
  {
    const std::lock_guard lock(writer);
    before = Now();
    frozen = before->segments.size();
  }
  Reworked reworked;
  Status made;
  try {
    made = make(*before, &reworked);
  } catch (const std::bad_alloc&) {
    // What follows must happen: the segments are free again.
    made = Error{Code::kInternal, "vectors: out of memory"};
    reworked = {};
  }
  const std::lock_guard lock(writer);
  if (made.ok() && reworked.segment != nullptr) {
    Snapshot next = *Now();
    next.segments.erase(next.segments.begin(),
                        next.segments.begin() + static_cast<std::ptrdiff_t>(frozen));
    next.segments.insert(next.segments.begin(), reworked.segment);
    if (reworked.sidecar != nullptr) next.sidecar = reworked.sidecar;
    for (const int64_t key : removed_meanwhile) {
      const uint32_t row = reworked.segment->FindRow(key);
      if (row != kNoRow) reworked.segment->Remove(row);
    }
    Publish(std::move(next));
  }
  removed_meanwhile.clear();
  frozen = 0;
  return made;
}

Status VectorIndex::State::Write(const Snapshot& from, const std::string& path,
                                 const SidecarIdentity& identity, ThreadPool* pool) const {
  MINNOW_RETURN_IF_ERROR(CheckSidecarPlace(path));
  SidecarContent content = {LiveRows(from), {}, from.last_key};
  if (!Sort(content.rows.vectors, pool, &content.lists)) {
    return Error{Code::kCorrupt, path + ": sidecar: a row of the former one is damaged"};
  }
  return WriteSidecar(kernels, rotation, content, identity, path, pool);
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::State::FromSidecar(
    MappedFile mapped, const SidecarIdentity& expected) {
  if (expected.dimensions < 1 || expected.dimensions > kMaxVectorDimensions) {
    return Error{Code::kInvalidArgument,
                 mapped.path() + ": sidecar: of " + std::to_string(expected.dimensions) +
                     " dimensions, limit " + std::to_string(kMaxVectorDimensions)};
  }
  auto index = std::make_unique<VectorIndex>(static_cast<size_t>(expected.dimensions));
  State& state = *index->state_;
  MINNOW_ASSIGN_OR_RETURN(auto file,
                          SidecarFile::Open(std::move(mapped), expected, state.rotation.padded()));
  Snapshot snapshot = {
      .segments = {SidecarFile::MakeSegment(file)}, .sidecar = file, .last_key = file->last_key()};
  state.Publish(std::move(snapshot));
  return index;
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

Result<std::unique_ptr<VectorIndex>> VectorIndex::Open(const std::string& path,
                                                       const SidecarIdentity& expected) {
  MINNOW_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(path));
  return State::FromSidecar(std::move(mapped), expected);
}

Result<std::unique_ptr<VectorIndex>> VectorIndex::OpenRange(const std::string& path,
                                                            uint64_t offset, uint64_t size,
                                                            const SidecarIdentity& expected) {
  MINNOW_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::OpenRange(path, offset, size));
  return State::FromSidecar(std::move(mapped), expected);
}

Status VectorIndex::Verify() const {
  const auto now = state_->Now();
  return now->sidecar == nullptr ? Status() : now->sidecar->Verify();
}

void VectorIndex::Cluster(ThreadPool* pool) {
  // Where a row cannot be read, all stays as it is: whoever meets that row says so.
  (void)state_->Rework([&](const Snapshot& before, Reworked* reworked) -> Status {
    reworked->segment = state_->InLists(state_->LiveRows(before), pool);
    return {};
  });
}

Status VectorIndex::Save(const std::string& path, const SidecarIdentity& identity,
                         ThreadPool* pool) const {
  return state_->Write(*state_->Now(), path, identity, pool);
}

Status VectorIndex::SaveAndReopen(const std::string& path, const SidecarIdentity& identity,
                                  ThreadPool* pool) {
  return state_->Rework([&](const Snapshot& before, Reworked* reworked) -> Status {
    MINNOW_RETURN_IF_ERROR(state_->Write(before, path, identity, pool));
    MINNOW_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(path));
    auto opened = SidecarFile::Open(std::move(mapped), identity, state_->rotation.padded());
    // Somebody has replaced the file since: rows stay where they are.
    if (!opened.ok() && opened.error().code == Code::kInvalidArgument) return {};
    MINNOW_ASSIGN_OR_RETURN(reworked->sidecar, std::move(opened));
    reworked->segment = SidecarFile::MakeSegment(reworked->sidecar);
    return {};
  });
}

}  // namespace minnow
