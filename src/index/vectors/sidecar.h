// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <string>
namespace minnow {
// What a sidecar belongs to; a file of anything else is refused.
struct SidecarIdentity {
  std::array<uint8_t, 16> store_id = {};
  int64_t index_id = 0;
  std::string model_checksum;  // at most 64 bytes
  uint64_t dimensions = 0;
};
}  // namespace minnow
