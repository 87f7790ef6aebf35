// SPDX-License-Identifier: Apache-2.0
// Bundle: a program with a packed file behind it. Layout: PACKED.md beside this file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "formats/packed.h"

namespace minnow {

// Where a program's model lies in the program's file.
struct BundledRange {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// The running program's own file.
inline constexpr const char* kThisProgram = "/proc/self/exe";

// Reads the last bytes of the program at `path`; nullopt where it carries no model. Fails with
// kCorrupt, kNotFound or kInternal.
Result<std::optional<BundledRange>> FindBundledModel(const std::string& path);

// The model that the running program carries; kInvalidArgument where it carries none.
Result<std::shared_ptr<const PackedFile>> OpenBundledModel();
bool HasBundledModel();

// Writes a copy of the running program, without its own model, with `model` behind it.
Status WriteBundle(const PackedFile& model, const std::string& path);

}  // namespace minnow
