// SPDX-License-Identifier: Apache-2.0
// The vectors of one index in memory, kept level with the store's tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "index/store/sqlite.h"

namespace minnow {

struct LiveHit {
  int64_t vector_id = 0;
  int64_t document_id = 0;
  float score = 0;
};

// Thread-safe. First implementation: all vectors as fp32, every search reads them all.
class LiveVectors {
 public:
  // Level with the state that `database`, in a transaction, sees.
  Status CatchUp(Database* database, int64_t index);
  // The best chunk of each document, best first.
  std::vector<LiveHit> Search(std::span<const float> vector, size_t limit) const;
  size_t rows() const;

 private:
  Status DropRemoved(Database* database, int64_t index);
  Status AppendAdded(Database* database, int64_t index);

  mutable std::shared_mutex mutex_;
  int64_t generation_ = -1;
  int64_t epoch_ = -1;
  int64_t last_vector_ = 0;
  int64_t last_removed_ = 0;
  size_t dimensions_ = 0;
  std::vector<int64_t> ids_;
  std::vector<int64_t> documents_;
  std::vector<float> values_;  // [rows, D]
};

}  // namespace minnow
