// SPDX-License-Identifier: Apache-2.0
// PackedHeader <-> the __metadata__ of a safetensors header.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "formats/packed.h"

namespace minnow {

inline constexpr const char* kPackedVersionKey = "minnow.format";
inline constexpr const char* kPackedChecksumKey = "minnow.checksum";
inline constexpr const char* kPackedChecksumName = "xxh64:";  // then 16 hexadecimal digits

using SafetensorsMetadata = std::map<std::string, std::string, std::less<>>;

// All keys but the checksum.
SafetensorsMetadata PackedMetadata(const PackedHeader& header);
// Fails with kCorrupt or kUnsupported; `name` is the file's.
Result<PackedHeader> ReadPackedMetadata(const SafetensorsMetadata& metadata,
                                        const std::string& name);

}  // namespace minnow
