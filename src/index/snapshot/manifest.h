// SPDX-License-Identifier: Apache-2.0
// SnapshotManifest: which files of a snapshot's folder are its present generation, and what is in
// them. Format: SNAPSHOT.md in src/index. Plain values; the functions are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "index/store/document.h"

namespace minnow {

inline constexpr const char* kManifestName = "snapshot.json";
// Then the digits of its checksum.
inline constexpr std::string_view kManifestBegins = "{\"xxh64\":\"";
inline constexpr size_t kMaxManifestBytes = size_t{1} << 20;

struct SnapshotFile {
  std::string name;
  uint64_t bytes = 0;
  uint64_t checksum = 0;  // XXH64
};

struct SnapshotIndex {
  int64_t id = 0;
  std::string name;
  int64_t made_unix_ms = 0;
  int64_t changes = 0;  // the index's own generation
  int64_t documents = 0;
  int64_t passages = 0;
  int64_t waiting = 0;                 // passages without a vector yet
  std::optional<ModelIdentity> model;  // of the vectors; without its path
  bool operator==(const SnapshotIndex&) const = default;
};

struct SnapshotManifest {
  int64_t generation = 0;
  int64_t created_unix_ms = 0;
  std::string program;              // that wrote it, for people
  std::vector<SnapshotFile> files;  // the store, then its sidecars
  std::vector<SnapshotIndex> indexes;

  const SnapshotFile& store() const { return files.front(); }
};

// "7-0123456789abcdef.db": the name of a generation's store.
std::string SnapshotStoreName(int64_t generation, uint64_t checksum);
// 0: `name` is that of no store, nor of a sidecar.
int64_t GenerationOfName(std::string_view name);

// `name` opens every message. kCorrupt: it is no manifest, was cut or changed, or something in it
// is wrong; kUnsupported: it is of a newer version.
Result<SnapshotManifest> ParseManifest(std::string_view text, const std::string& name);
std::string WriteManifest(const SnapshotManifest& manifest);

}  // namespace minnow
