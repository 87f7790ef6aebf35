// SPDX-License-Identifier: Apache-2.0
#include "index/store/live_vectors.h"

#include <algorithm>
#include <cstring>

#include "index/store/schema.h"

namespace minnow {

Status LiveVectors::CatchUp(Database* database, int64_t index) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement state,
      database->Prepare("SELECT generation, vector_epoch FROM minnow_indexes WHERE id = ?"));
  state.Bind(1, index);
  MINNOW_ASSIGN_OR_RETURN(const bool row, state.Step());
  if (!row) return Error{Code::kNotFound, "index: was dropped"};
  const int64_t generation = state.Int(0);
  const int64_t epoch = state.Int(1);
  {
    const std::shared_lock<std::shared_mutex> lock(mutex_);
    if (generation_ >= generation && epoch_ == epoch) return {};
  }
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  if (generation_ >= generation && epoch_ == epoch) return {};
  if (epoch_ != epoch) {
    ids_.clear();
    documents_.clear();
    values_.clear();
    dimensions_ = 0;
    last_vector_ = 0;
    epoch_ = epoch;
  }
  MINNOW_RETURN_IF_ERROR(DropRemoved(database, index));
  MINNOW_RETURN_IF_ERROR(AppendAdded(database, index));
  generation_ = generation;
  return {};
}

Status LiveVectors::DropRemoved(Database* database, int64_t index) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement removed,
      database->Prepare(IndexSql(index,
                                 "SELECT serial, vector_id FROM {removed} WHERE serial > ?"
                                 " ORDER BY serial")));
  removed.Bind(1, last_removed_);
  std::vector<int64_t> gone;
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool more, removed.Step());
    if (!more) break;
    last_removed_ = removed.Int(0);
    if (!removed.IsNull(1)) gone.push_back(removed.Int(1));
  }
  std::sort(gone.begin(), gone.end());
  size_t kept = 0;
  for (size_t i = 0; i < ids_.size() && !gone.empty(); ++i) {
    if (std::binary_search(gone.begin(), gone.end(), ids_[i])) continue;
    ids_[kept] = ids_[i];
    documents_[kept] = documents_[i];
    std::memmove(&values_[kept * dimensions_], &values_[i * dimensions_],
                 dimensions_ * sizeof(float));
    ++kept;
  }
  if (!gone.empty()) {
    ids_.resize(kept);
    documents_.resize(kept);
    values_.resize(kept * dimensions_);
  }
  return {};
}

Status LiveVectors::AppendAdded(Database* database, int64_t index) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement added,
      database->Prepare(IndexSql(
          index, "SELECT id, document_id, vector FROM {vectors} WHERE id > ? ORDER BY id")));
  added.Bind(1, last_vector_);
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool more, added.Step());
    if (!more) return {};
    const std::span<const std::byte> blob = added.Blob(2);
    const size_t dimensions = blob.size() / sizeof(float);
    if (dimensions_ == 0) dimensions_ = dimensions;
    if (dimensions != dimensions_ || blob.size() % sizeof(float) != 0) {
      return Error{Code::kCorrupt, database->path() + ": a vector of the wrong size"};
    }
    last_vector_ = added.Int(0);
    ids_.push_back(last_vector_);
    documents_.push_back(added.Int(1));
    values_.resize(values_.size() + dimensions);
    std::memcpy(&values_[values_.size() - dimensions], blob.data(), blob.size());
  }
}

std::vector<LiveHit> LiveVectors::Search(std::span<const float> vector, size_t limit) const {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  std::vector<LiveHit> hits;
  if (vector.size() != dimensions_) return hits;
  std::unordered_map<int64_t, size_t> best;
  for (size_t i = 0; i < ids_.size(); ++i) {
    float score = 0;
    for (size_t d = 0; d < dimensions_; ++d) score += vector[d] * values_[i * dimensions_ + d];
    const auto [place, is_new] = best.try_emplace(documents_[i], hits.size());
    if (is_new) {
      hits.push_back({ids_[i], documents_[i], score});
    } else if (score > hits[place->second].score) {
      hits[place->second] = {ids_[i], documents_[i], score};
    }
  }
  std::sort(hits.begin(), hits.end(), [](const LiveHit& a, const LiveHit& b) {
    return a.score != b.score ? a.score > b.score : a.vector_id < b.vector_id;
  });
  if (hits.size() > limit) hits.resize(limit);
  return hits;
}

size_t LiveVectors::rows() const {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  return ids_.size();
}

}  // namespace minnow
