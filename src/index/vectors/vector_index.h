// SPDX-License-Identifier: Apache-2.0
// VectorIndex: the nearest of many vectors by inner product.
//
// A search narrows down in three steps over the same rows: 1-bit sketches say what might be among
// the best, 8-bit rows say what probably is, fp32 rows give the score. What a step may skip follows
// from error bounds that hold for nearly every row, not from counts, so that recall holds for hard
// data, for narrow filters and for any limit; exact searches use bounds that always hold. README.md
// beside this file explains the parts.
//
// Threads: one writer at a time (Append, Remove, Save..., serialised inside); any number of
// searches beside it, which never wait for it: each works on the snapshot that it found. Answers
// are the same bits on any number of threads, ties go to the smaller key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/vectors/row_filter.h"
#include "index/vectors/sidecar.h"

namespace minnow {

inline constexpr size_t kMaxVectorDimensions = 4096;

struct VectorHit {
  int64_t key = 0;
  int64_t group = 0;
  float score = 0;  // the inner product in fp32; of unit vectors, the cosine
  bool operator==(const VectorHit&) const = default;
};

struct VectorQuery {
  std::span<const float> vector;  // [D]
  size_t limit = 10;
  bool exact = false;                 // the true order; reads every row
  const RowFilter* filter = nullptr;  // groups that may be answered; null: all
  bool distinct_groups = true;        // the best row of each group only
  ThreadPool* pool = nullptr;         // the caller's own while the search runs; null: one thread
};

struct VectorIndexStats {
  size_t rows = 0;            // that a search can find
  size_t removed_rows = 0;    // that still take room
  size_t clustered_rows = 0;  // in lists; the others are scanned whole
  size_t lists = 0;
  size_t memory_bytes = 0;  // allocated, without what is mapped
  size_t mapped_bytes = 0;
};

class VectorIndex {
 public:
  // REQUIRES: 1 <= dimensions <= kMaxVectorDimensions
  explicit VectorIndex(size_t dimensions);
  ~VectorIndex();
  VectorIndex(const VectorIndex&) = delete;
  VectorIndex& operator=(const VectorIndex&) = delete;

  // The index that Save wrote, in milliseconds: rows stay in the file. kNotFound: there is none;
  // kCorrupt: damaged, cut or of another version; kInvalidArgument: of another store, index or
  // model. In all three cases the caller builds a new one from the store. What is not read at once
  // is checked when it is first used: then Search or Verify say kCorrupt.
  static Result<std::unique_ptr<VectorIndex>> Open(const std::string& path,
                                                   const SidecarIdentity& expected);
  // The same, from `size` bytes at `offset` of a larger file (the program itself).
  static Result<std::unique_ptr<VectorIndex>> OpenRange(const std::string& path, uint64_t offset,
                                                        uint64_t size,
                                                        const SidecarIdentity& expected);

  // Rows become visible to searches together, on return. keys: [n], strictly ascending and above
  // last_key(), else kInvalidArgument and nothing happens; groups: [n]; vectors: [n, D], any
  // length; a vector with a value that is not finite counts as zero.
  Status Append(std::span<const int64_t> keys, std::span<const int64_t> groups,
                std::span<const float> vectors);
  // Returns how many of the keys were there. Searches that began before may still answer with them.
  size_t Remove(std::span<const int64_t> keys);

  // Nothing, or the nearest rows, best first. kInvalidArgument: the vector's length; kCorrupt:
  // damage in the file that was opened: the caller builds a new index from the store.
  Result<std::vector<VectorHit>> Search(const VectorQuery& query) const;

  // Reads what was not checked yet. kCorrupt as for Search. Meant for a background thread after
  // Open; costs about 0.1 s a GB.
  Status Verify() const;

  // Whether enough has changed since the last clustering that Cluster or SaveAndReopen pay.
  bool WantsClustering() const;
  // Sorts rows into lists by k-means and gives back the memory of removed rows. Searches, Append
  // and Remove go on meanwhile. `pool` is the caller's own; null: one thread.
  void Cluster(ThreadPool* pool);
  // Writes everything, clustered and without removed rows, into a new file that replaces `path`
  // atomically. Append and Remove may go on meanwhile: what they do is not in the file.
  Status Save(const std::string& path, const SidecarIdentity& identity, ThreadPool* pool) const;
  // Save, and goes on with the rows in the file instead of memory.
  Status SaveAndReopen(const std::string& path, const SidecarIdentity& identity, ThreadPool* pool);

  size_t dimensions() const;
  // The largest key ever appended, removed or not; INT64_MIN when there was none. In a file: of the
  // rows that Save saw.
  int64_t last_key() const;
  bool Contains(int64_t key) const;
  VectorIndexStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace minnow
