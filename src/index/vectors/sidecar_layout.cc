// SPDX-License-Identifier: Apache-2.0
// Places of sections, checksums, and the header's own checks.
#include "index/vectors/sidecar_layout.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <string>

#include "formats/xxh64.h"
#include "index/vectors/segment.h"

namespace minnow {
namespace {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(ListHead) == 20 && sizeof(QuantizedHead) == 8);

uint64_t UpToPage(uint64_t bytes) {
  return (bytes + kSidecarPage - 1) / kSidecarPage * kSidecarPage;
}

Error Corrupt(const std::string& message) { return Error{Code::kCorrupt, "sidecar: " + message}; }

}  // namespace

// Sums stay far below 2^64: rows and slots fit 32 bits, and none takes more than 2^15 bytes.
SidecarLayout::SidecarLayout(uint64_t row_count, uint64_t list_count, uint64_t block_count,
                             size_t dimensions, size_t padded) {
  const uint64_t slot_count = block_count * kScanBlockRows;
  row_bytes = dimensions * sizeof(float) + sizeof(uint64_t);
  lists.bytes = list_count * sizeof(ListHead);
  centroids.bytes = list_count * padded * sizeof(float);
  keys.bytes = row_count * sizeof(int64_t);
  groups.bytes = row_count * sizeof(int64_t);
  slots.bytes = row_count * sizeof(uint32_t);
  blocks.bytes = block_count * MINNOW_SCAN_BLOCK_BYTES(padded);
  quantized_head.bytes = slot_count * sizeof(QuantizedHead);
  quantized.bytes = slot_count * padded;
  rows.bytes = row_count * row_bytes;
  uint64_t page_count = 0;
  Section* const checked[] = {&lists, &centroids, &keys,           &groups,
                              &slots, &blocks,    &quantized_head, &quantized};
  for (const Section* section : checked) page_count += UpToPage(section->bytes) / kSidecarPage;
  checksums = {kSidecarPage, page_count * sizeof(uint64_t)};
  uint64_t offset = UpToPage(checksums.end());
  for (Section* section : checked) {
    section->offset = offset;
    offset = UpToPage(section->end());
  }
  rows.offset = offset;
  file_bytes = rows.end();
}

uint64_t SidecarChecksum(std::span<const std::byte> bytes) {
  Xxh64 checksum;
  checksum.Update(bytes);
  return checksum.Digest();
}

uint64_t SidecarHeaderChecksum(const SidecarHeader& header) {
  return SidecarChecksum(
      std::as_bytes(std::span(&header, 1)).first(offsetof(SidecarHeader, checksum)));
}

uint64_t SidecarRowChecksum(std::span<const std::byte> row, uint64_t number) {
  Xxh64 checksum;
  checksum.Update(row);
  checksum.Update(std::as_bytes(std::span(&number, 1)));
  return checksum.Digest();
}

Status CheckSidecarHeader(const SidecarHeader& header, const SidecarIdentity& expected) {
  if (header.magic != SidecarHeader().magic) return Corrupt("does not begin as one");
  if (header.version != kSidecarVersion) {
    return Corrupt("of version " + std::to_string(header.version) + ", this program reads " +
                   std::to_string(kSidecarVersion));
  }
  if (header.checksum != SidecarHeaderChecksum(header)) return Corrupt("the header is damaged");
  if (header.model_checksum_bytes > header.model_checksum.size() || header.clustered > 1 ||
      !(header.reach >= 0) || header.blocks > UINT32_MAX / kScanBlockRows ||
      header.rows > uint64_t{header.blocks} * kScanBlockRows) {
    return Corrupt("the header contradicts itself");
  }
  SidecarHeader wanted;
  MINNOW_RETURN_IF_ERROR(PutIdentity(expected, &wanted));
  if (header.store_id != wanted.store_id || header.index_id != wanted.index_id ||
      header.dimensions != wanted.dimensions ||
      header.model_checksum_bytes != wanted.model_checksum_bytes ||
      header.model_checksum != wanted.model_checksum) {
    return Error{Code::kInvalidArgument, "sidecar: of another state, index or model"};
  }
  return {};
}

Status PutIdentity(const SidecarIdentity& identity, SidecarHeader* header) {
  if (identity.model_checksum.size() > header->model_checksum.size()) {
    return Error{Code::kInvalidArgument, "sidecar: the model's checksum has " +
                                             std::to_string(identity.model_checksum.size()) +
                                             " bytes, limit " +
                                             std::to_string(header->model_checksum.size())};
  }
  header->store_id = identity.store_id;
  header->index_id = identity.index_id;
  header->dimensions = static_cast<uint32_t>(identity.dimensions);
  header->model_checksum_bytes = static_cast<uint32_t>(identity.model_checksum.size());
  std::copy(identity.model_checksum.begin(), identity.model_checksum.end(),
            header->model_checksum.begin());
  return {};
}

}  // namespace minnow
