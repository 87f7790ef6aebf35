// SPDX-License-Identifier: Apache-2.0
// What of an index is in memory (vectors, and fields for filters), kept level with the store's
// tables, whoever writes to them: this process or another.
//
// Thread-safe. Searches wait for a change for moments, then use what they find; changes wait for
// each other.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/query/attribute_table.h"
#include "index/query/lexical/cache.h"
#include "index/sqlite/connections.h"
#include "index/sqlite/sqlite.h"
#include "index/store/sidecar_files.h"
#include "index/vectors/vector_index.h"

namespace minnow {

class LiveIndex {
 public:
  LiveIndex(int64_t index, SidecarPlace place) : index_(index), place_(std::move(place)) {}

  // Takes in what `database`, inside a transaction, sees and this object does not yet. Costs one
  // small read where that is nothing. The first call opens the sidecar, or makes the vectors'
  // index from the store where none fits.
  Status CatchUp(Database* database);
  // The same for a search: where another thread is at it for more than some ten milliseconds, goes
  // on with what there is.
  Status CatchUpUnlessBusy(Database* database);
  // Whether the documents' attributes are those of this generation, not in the middle of a change
  // nor beyond. True before and after something was read from them: that was of this generation.
  bool AttributesAreOf(int64_t generation) const;
  // The attributes were read anew from the store at `generation`, which may be beyond what memory
  // shows otherwise. Told before anybody sees them.
  void NoteScan(int64_t generation);
  // After kCorrupt from a search of `damaged`: all from the store again.
  Status Rebuild(Database* database, const VectorIndex* damaged);

  // Null until the index has a model.
  std::shared_ptr<VectorIndex> vectors() const;
  std::shared_ptr<AttributeTable> attributes() const;
  std::shared_ptr<LexicalCache> lexical_cache() const;

  // Saves the sidecar where enough has changed, or, `at_end`, anything that is not quicker to read
  // again from the store. pool: the caller's own, or null.
  Status Maintain(Connections* connections, bool at_end, ThreadPool* pool);
  // Whether the sidecar and memory hold just what the store holds; reads all of both.
  Status Verify(Database* database) const;

 private:
  // What searches take.
  struct Published {
    std::shared_ptr<VectorIndex> vectors;
    std::shared_ptr<AttributeTable> attributes = std::make_shared<AttributeTable>();
    std::shared_ptr<LexicalCache> lexical_cache = std::make_shared<LexicalCache>();
  };

  // These under change_mutex_.
  Status CatchUpLocked(Database* database);
  Status Load(Database* database, const VectorState& state, bool from_sidecar);
  // Memory shows this state of the store now.
  void Show(int64_t generation);
  Status TakeRemoved(Database* database, const Published& into);
  Status TakeVectors(Database* database, VectorIndex* vectors);
  Status TakeDocuments(Database* database);
  int64_t Rows() const;
  bool WantsSave(bool at_end) const;
  void Publish(Published published);

  // These under maintenance_mutex_; kNotFound where the index was dropped.
  enum class Chore { kNone, kSave, kForget };
  Chore NextChore(bool at_end);
  Status DoChore(Connections* connections, bool at_end, ThreadPool* pool);
  Status Save(Connections* connections, ThreadPool* pool);
  // Shortens the removal log of an index that keeps no sidecar, and removes the one that it had
  // when it was larger.
  Status ForgetRemoved(Connections* connections);

  const int64_t index_;
  const SidecarPlace place_;

  std::mutex maintenance_mutex_;  // one Maintain at a time; taken before change_mutex_
  std::mutex change_mutex_;
  std::atomic<int64_t> generation_{-1};  // of the store's state that memory shows; -1: none yet
  std::atomic<int64_t> settled_{-1};     // the same, and -1 while it changes
  std::atomic<int64_t> scanned_{-1};     // the latest of NoteScan
  int64_t epoch_ = -1;
  int64_t last_vector_ = 0;
  int64_t last_removed_ = 0;  // row of the removal log
  int64_t last_document_ = 0;
  int64_t saved_vector_ = 0;  // the sidecar on disk holds the vectors up to this
  int64_t saved_removed_ = 0;
  bool has_sidecar_ = false;  // as far as the store says
  std::chrono::steady_clock::time_point last_change_;
  std::optional<ModelIdentity> model_;

  mutable std::mutex published_mutex_;  // for moments
  Published published_;                 // changes under change_mutex_ too
};

}  // namespace minnow
