// SPDX-License-Identifier: Apache-2.0
// What lies where in a sidecar file; SIDECAR.md documents it.
//
// The header holds counts, and all places follow from them: there are no offsets to distrust.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "index/vectors/sidecar.h"

namespace minnow {

// Raised when the file, the rotation, the sketches or the 8-bit rows change.
inline constexpr uint32_t kSidecarVersion = 2;
// Sections begin at multiples of this; each so many bytes have a checksum.
inline constexpr size_t kSidecarPage = 4096;

// The first page, little-endian; bytes without a name are zero.
struct SidecarHeader {
  std::array<char, 8> magic = {'M', 'I', 'N', 'N', 'O', 'W', 'V', 'X'};
  uint32_t version = kSidecarVersion;
  uint32_t dimensions = 0;
  std::array<uint8_t, 16> store_id = {};
  int64_t index_id = 0;
  uint64_t file_bytes = 0;
  int64_t last_key = 0;
  uint32_t rows = 0;
  uint32_t lists = 0;
  uint32_t blocks = 0;
  uint32_t clustered = 0;  // 0 or 1
  float reach = 0;
  uint32_t model_checksum_bytes = 0;
  std::array<char, 64> model_checksum = {};
  uint64_t checksums_checksum = 0;  // of the section of checksums
  std::array<std::byte, 3936> zeros = {};
  uint64_t checksum = 0;  // of the page's other bytes
};
static_assert(sizeof(SidecarHeader) == kSidecarPage);

// Bytes of each section and where it begins, in the order in which they lie.
struct SidecarLayout {
  struct Section {
    uint64_t offset = 0;
    uint64_t bytes = 0;
    uint64_t end() const { return offset + bytes; }
  };

  // padded: of the rotation. REQUIRES: dimensions as in VectorIndex
  SidecarLayout(uint64_t rows, uint64_t lists, uint64_t blocks, size_t dimensions, size_t padded);

  // The number of the checksum of the page that holds `offset`, which is in a section with one.
  size_t PageOf(uint64_t offset) const {
    return static_cast<size_t>((offset - lists.offset) / kSidecarPage);
  }
  size_t pages() const { return PageOf(rows.offset); }

  Section checksums;       // u64 for each page from `lists` up to `rows`
  Section lists;           // ListHead
  Section centroids;       // f32 [lists][padded]
  Section keys;            // i64
  Section groups;          // i64
  Section slots;           // u32: of each row
  Section blocks;          // sketches, as kernels/scan.h takes them
  Section quantized_head;  // QuantizedHead [blocks * 32]
  Section quantized;       // i8 [blocks * 32][padded]
  Section rows;            // f32 [dimensions] and a u64 checksum, for each row
  uint64_t row_bytes = 0;  // of one of these
  uint64_t file_bytes = 0;
};

uint64_t SidecarChecksum(std::span<const std::byte> bytes);
uint64_t SidecarHeaderChecksum(const SidecarHeader& header);
// Of a row, bound to its number.
uint64_t SidecarRowChecksum(std::span<const std::byte> row, uint64_t number);

// kCorrupt, or kInvalidArgument where the file is sound and of something else.
Status CheckSidecarHeader(const SidecarHeader& header, const SidecarIdentity& expected);
// kInvalidArgument: the checksum of the model is too long.
Status PutIdentity(const SidecarIdentity& identity, SidecarHeader* header);

}  // namespace minnow
