// SPDX-License-Identifier: Apache-2.0
// Where the vectors of an index lie outside of the store, and which states of the store they fit.
//
// Each save of a sidecar has a random token, which stands in the file and in the store. So a
// sidecar of another store, of an older copy of this one, or of a save that the store does not know
// of is never taken for a fitting one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "index/sqlite/sqlite.h"
#include "index/store/document.h"
#include "index/vectors/sidecar.h"
#include "index/vectors/vector_index.h"

namespace minnow {

using SidecarToken = std::array<uint8_t, 16>;

// A file, or a part of one.
struct SidecarPlace {
  std::string path;  // empty: there is none, vectors live in memory
  bool whole_file = true;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  int64_t min_rows = 1;  // fewer are not saved
  // Rows that the removal log may have until it is cut: by a save, or where there is none to be, by
  // itself.
  int64_t long_log = 100'000;
};

// What the store says about an index's vectors, in one row.
struct VectorState {
  int64_t generation = 0;  // grows with each change of the index
  int64_t epoch = 0;       // grows when all vectors go
  int64_t vectors = 0;
  int64_t removed_floor = 0;  // rows of the removal log up to this are no longer there
  std::optional<ModelIdentity> model;
  std::optional<SidecarToken> saved;  // of the sidecar that was saved last
  std::optional<SidecarToken> next;   // of one that was being saved
};

// kNotFound where the index was dropped.
Result<VectorState> ReadVectorState(Database* database, int64_t index);

// The generation alone.
Result<int64_t> ReadGeneration(Database* database, int64_t index);

SidecarIdentity MakeIdentity(const SidecarToken& token, int64_t index, const ModelIdentity& model);
SidecarToken NewToken();

// The sidecar, where there is one that fits; null for every other case.
std::unique_ptr<VectorIndex> OpenSidecar(const SidecarPlace& place, int64_t index,
                                         const VectorState& state);

}  // namespace minnow
