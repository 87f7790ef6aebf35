// SPDX-License-Identifier: Apache-2.0
// Bundle: a program with files behind it: a packed model, and an index with its vectors. Layout:
// PACKED.md beside this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/mapped_file.h"
#include "base/result.h"
#include "formats/packed.h"

namespace minnow {

// Where a part lies in the program's file.
struct BundledRange {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// What a program carries.
struct BundleContents {
  uint64_t program_bytes = 0;  // the program itself, without what follows it
  std::optional<BundledRange> model;
  std::optional<BundledRange> store;
  std::map<int64_t, BundledRange> vectors;  // by the store's number of the index
};

// Reads the end of the program at `path`. Ranges are checked to lie inside the file. Fails with
// kCorrupt (also where something follows the program, but no trailer ends it), kNotFound or
// kInternal.
Result<BundleContents> ReadBundle(const std::string& path);

// The model that the running program carries; kInvalidArgument where it carries none.
Result<std::shared_ptr<const PackedFile>> OpenBundledModel();
// True also where the trailer is damaged: whoever opens it then says so.
bool HasBundledModel();
bool HasBundledStore();

// What goes behind the program. Borrows its bytes.
struct BundleParts {
  std::span<const std::byte> model;
  std::span<const std::byte> store;  // may be empty
  std::map<int64_t, std::span<const std::byte>> vectors;
};

// Writes a copy of the running program, without what it carries itself, with `parts` behind it.
Status WriteBundle(const BundleParts& parts, const std::string& path);

}  // namespace minnow
