// SPDX-License-Identifier: Apache-2.0
#include "index/store/sidecar_files.h"

#include <sqlite3.h>

#include <algorithm>

#include "index/store/index_state.h"

namespace minnow {
namespace {

std::optional<SidecarToken> TokenOf(const Statement& row, int column) {
  const std::span<const std::byte> blob = row.Blob(column);
  SidecarToken token;
  if (blob.size() != token.size()) return std::nullopt;
  std::transform(blob.begin(), blob.end(), token.begin(),
                 [](std::byte byte) { return std::to_integer<uint8_t>(byte); });
  return token;
}

Error Dropped() { return Error{Code::kNotFound, "index: does not exist any more"}; }

}  // namespace

Result<VectorState> ReadVectorState(Database* database, int64_t index) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement read,
      database->Prepare("SELECT generation, vector_epoch, vectors, removed_floor, sidecar, "
                        "next_sidecar FROM minnow_indexes WHERE id = ?"));
  read.Bind(1, index);
  MINNOW_ASSIGN_OR_RETURN(const bool row, read.Step());
  if (!row) return Dropped();
  VectorState state;
  state.generation = read.Int(0);
  state.epoch = read.Int(1);
  state.vectors = read.Int(2);
  state.removed_floor = read.Int(3);
  state.saved = TokenOf(read, 4);
  state.next = TokenOf(read, 5);
  MINNOW_ASSIGN_OR_RETURN(state.model, ReadModel(database, index));
  return state;
}

Result<int64_t> ReadGeneration(Database* database, int64_t index) {
  MINNOW_ASSIGN_OR_RETURN(Statement read,
                          database->Prepare("SELECT generation FROM minnow_indexes WHERE id = ?"));
  read.Bind(1, index);
  MINNOW_ASSIGN_OR_RETURN(const bool row, read.Step());
  if (!row) return Dropped();
  return read.Int(0);
}

SidecarIdentity MakeIdentity(const SidecarToken& token, int64_t index, const ModelIdentity& model) {
  SidecarIdentity identity;
  identity.store_id = token;
  identity.index_id = index;
  identity.model_checksum = model.checksum.substr(0, 64);
  identity.dimensions = model.dimensions;
  return identity;
}

SidecarToken NewToken() {
  SidecarToken token;
  sqlite3_randomness(static_cast<int>(token.size()), token.data());
  return token;
}

std::unique_ptr<VectorIndex> OpenSidecar(const SidecarPlace& place, int64_t index,
                                         const VectorState& state) {
  if (place.path.empty() || !state.model) return nullptr;
  for (const auto& token : {state.saved, state.next}) {
    if (!token) continue;
    const SidecarIdentity identity = MakeIdentity(*token, index, *state.model);
    auto opened = place.whole_file
                      ? VectorIndex::Open(place.path, identity)
                      : VectorIndex::OpenRange(place.path, place.offset, place.bytes, identity);
    if (opened.ok()) return std::move(*opened);
  }
  return nullptr;
}

}  // namespace minnow
