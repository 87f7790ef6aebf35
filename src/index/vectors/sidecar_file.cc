// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/sidecar_file.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace minnow {
namespace {

constexpr size_t kFlagsInWord = 64;
constexpr size_t kAlignment = 64;    // of the file in memory
constexpr size_t kRowsAtOnce = 256;  // that Verify reads
// Rows are mapped where they are no more than this; else they would fill the resident set.
constexpr uint64_t kMappedRowBytes = uint64_t{256} << 20;
constexpr size_t kMostRowBytes = kScanMaximumDimensions * sizeof(float) + sizeof(uint64_t);
// Larger numbers would not stay numbers when they are multiplied and summed.
constexpr float kLargestOfList = 1e17f;
constexpr float kLargestSquare = 1e37f;

using Bits = std::unique_ptr<std::atomic<uint64_t>[]>;

Bits NoBits(uint64_t n) { return std::make_unique<std::atomic<uint64_t>[]>(n / kFlagsInWord + 1); }

bool IsSet(const Bits& bits, uint64_t i) {
  return (bits[i / kFlagsInWord].load(std::memory_order_relaxed) >> i % kFlagsInWord & 1) != 0;
}

void Set(const Bits& bits, uint64_t i) {
  bits[i / kFlagsInWord].fetch_or(uint64_t{1} << i % kFlagsInWord, std::memory_order_relaxed);
}

}  // namespace

Result<std::shared_ptr<const SidecarFile>> SidecarFile::Open(MappedFile mapped,
                                                             const SidecarIdentity& expected,
                                                             size_t padded) {
  const std::string path = mapped.path();
  const auto corrupt = [&](const char* what) {
    return Error{Code::kCorrupt, path + ": sidecar: " + what};
  };
  const std::span<const std::byte> bytes = mapped.bytes();
  SidecarHeader header;
  if (bytes.size() < sizeof header) return corrupt("cut short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (Status sound = CheckSidecarHeader(header, expected); !sound.ok())
    return Annotate(sound.error(), path);
  const SidecarLayout layout(header.rows, header.lists, header.blocks, header.dimensions, padded);
  if (header.file_bytes != layout.file_bytes) return corrupt("the header contradicts itself");
  if (bytes.size() != layout.file_bytes) return corrupt("cut short, or extended");
  if (reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment != 0) {
    return corrupt("does not lie at a multiple of 64 bytes");
  }
  std::shared_ptr<SidecarFile> file(new SidecarFile(std::move(mapped), header, layout, padded));
  if (Status sound = file->CheckTables(); !sound.ok()) return Annotate(sound.error(), path);
  return std::shared_ptr<const SidecarFile>(std::move(file));
}

SidecarFile::SidecarFile(MappedFile mapped, const SidecarHeader& header,
                         const SidecarLayout& layout, size_t padded)
    : mapped_(std::move(mapped)),
      header_(header),
      layout_(layout),
      padded_(padded),
      checksums_(Array<uint64_t>(layout.checksums)),
      intact_(NoBits(layout_.pages())),
      rows_are_mapped_(layout.rows.bytes <= kMappedRowBytes),
      intact_rows_(NoBits(rows_are_mapped_ ? header.rows : 0)) {}

template <class T>
std::span<const T> SidecarFile::Array(const SidecarLayout::Section& section) const {
  return {reinterpret_cast<const T*>(mapped_.bytes().data() + section.offset),
          static_cast<size_t>(section.bytes / sizeof(T))};
}

bool SidecarFile::PagesIntact(size_t first, size_t last) const {
  const std::byte* pages = mapped_.bytes().data() + layout_.lists.offset;
  for (size_t page = first; page <= last; ++page) {
    if (IsSet(intact_, page)) continue;
    if (SidecarChecksum({pages + page * kSidecarPage, kSidecarPage}) != checksums_[page])
      return false;
    Set(intact_, page);
  }
  return true;
}

bool SidecarFile::Intact(const void* bytes, size_t size) const {
  if (size == 0) return true;
  const auto offset =
      static_cast<uint64_t>(static_cast<const std::byte*>(bytes) - mapped_.bytes().data());
  return PagesIntact(layout_.PageOf(offset), layout_.PageOf(offset + size - 1));
}

bool SidecarFile::SectionIntact(const SidecarLayout::Section& section) const {
  return Intact(mapped_.bytes().data() + section.offset, section.bytes);
}

Status SidecarFile::CheckTables() {
  const Error damaged = {Code::kCorrupt, "sidecar: damaged"};
  const auto zeros = mapped_.bytes().subspan(layout_.checksums.end(),
                                             layout_.lists.offset - layout_.checksums.end());
  if (SidecarChecksum(std::as_bytes(checksums_)) != header_.checksums_checksum ||
      std::any_of(zeros.begin(), zeros.end(), [](std::byte b) { return b != std::byte{0}; })) {
    return damaged;
  }
  for (const auto* section :
       {&layout_.lists, &layout_.centroids, &layout_.keys, &layout_.groups, &layout_.slots}) {
    if (!SectionIntact(*section)) return damaged;
  }
  // The checksums say that this is what was written; the rest, that it can be used.
  const auto keys = Array<int64_t>(layout_.keys);
  const bool ascend =
      std::adjacent_find(keys.begin(), keys.end(), std::greater_equal<>()) == keys.end();
  if (!ascend || (!keys.empty() && keys.back() > header_.last_key) || !ListsAreSound() ||
      !PlaceSlots()) {
    return Error{Code::kCorrupt, "sidecar: contradicts itself"};
  }
  return {};
}

bool SidecarFile::ListsAreSound() const {
  uint64_t next = 0;
  for (const ListHead& head : Array<ListHead>(layout_.lists)) {
    if (head.first_block != next) return false;
    next += head.blocks;
    const bool numbers = head.centre_square >= 0 && head.centre_square < kLargestSquare &&
                         head.longest >= 0 && head.longest < kLargestOfList && head.spread >= 0 &&
                         head.spread < kLargestOfList;
    if (!numbers) return false;
  }
  const auto centroids = Array<float>(layout_.centroids);
  return next == header_.blocks && AllBelow(centroids.data(), centroids.size(), kLargestOfList);
}

bool SidecarFile::PlaceSlots() {
  row_of_slot_.assign(size_t{header_.blocks} * kScanBlockRows, kNoRow);
  uint32_t row = 0;
  for (const uint32_t slot : Array<uint32_t>(layout_.slots)) {
    if (slot >= row_of_slot_.size() || row_of_slot_[slot] != kNoRow) return false;
    row_of_slot_[slot] = row++;
  }
  return true;
}

std::shared_ptr<const Segment> SidecarFile::MakeSegment(
    const std::shared_ptr<const SidecarFile>& file) {
  const SidecarLayout& layout = file->layout_;
  const auto groups = file->Array<int64_t>(layout.groups);
  const SegmentArrays arrays = {
      .dimensions = file->padded_,
      .lists = file->Array<ListHead>(layout.lists),
      .centroids = file->Array<float>(layout.centroids).data(),
      .blocks = file->Array<uint8_t>(layout.blocks).data(),
      .block_count = file->header_.blocks,
      .quantized = file->Array<int8_t>(layout.quantized).data(),
      .quantized_head = file->Array<QuantizedHead>(layout.quantized_head).data(),
      .row_of_slot = file->row_of_slot_.data(),
      .keys = file->Array<int64_t>(layout.keys),
      .groups = groups.data(),
      .slot_of_row = file->Array<uint32_t>(layout.slots).data(),
      .reach = file->header_.reach,
      .groups_ascend = std::is_sorted(groups.begin(), groups.end())};
  VectorRows rows(file->header_.dimensions);
  rows.AddFile(file, 0, file->header_.rows);
  return std::make_shared<const Segment>(arrays, std::move(rows), file, file,
                                         /*clustered=*/file->header_.clustered != 0,
                                         /*in_memory=*/false);
}

bool SidecarFile::RecordIntact(uint64_t row, const std::byte* record) const {
  const size_t bytes = header_.dimensions * sizeof(float);
  uint64_t checksum;
  std::memcpy(&checksum, record + bytes, sizeof checksum);
  return checksum == SidecarRowChecksum({record, bytes}, row) &&
         AllBelow(reinterpret_cast<const float*>(record), header_.dimensions, kLargestElement);
}

const float* SidecarFile::Mapped(uint64_t row) const {
  if (!rows_are_mapped_) return nullptr;
  return reinterpret_cast<const float*>(mapped_.bytes().data() + layout_.rows.offset +
                                        row * layout_.row_bytes);
}

const float* SidecarFile::Get(uint64_t row, float* scratch) const {
  if (const float* mapped = Mapped(row); mapped != nullptr) {
    if (IsSet(intact_rows_, row)) return mapped;
    if (!RecordIntact(row, reinterpret_cast<const std::byte*>(mapped))) return nullptr;
    Set(intact_rows_, row);
    return mapped;
  }
  alignas(kAlignment) std::byte record[kMostRowBytes];
  if (!mapped_.ReadAt(layout_.rows.offset + row * layout_.row_bytes,
                      std::span(record).first(layout_.row_bytes)) ||
      !RecordIntact(row, record)) {
    return nullptr;
  }
  std::memcpy(scratch, record, header_.dimensions * sizeof(float));
  return scratch;
}

Status SidecarFile::Verify() const {
  const Error damaged = {Code::kCorrupt, mapped_.path() + ": sidecar: damaged"};
  if (layout_.pages() > 0 && !PagesIntact(0, layout_.pages() - 1)) return damaged;
  std::vector<std::byte> rows(kRowsAtOnce * layout_.row_bytes);
  for (uint64_t row = 0; row < header_.rows; row += kRowsAtOnce) {
    const auto n = static_cast<size_t>(std::min<uint64_t>(kRowsAtOnce, header_.rows - row));
    const auto read = std::span(rows).first(n * layout_.row_bytes);
    if (!mapped_.ReadAt(layout_.rows.offset + row * layout_.row_bytes, read)) return damaged;
    for (size_t i = 0; i < n; ++i) {
      if (!RecordIntact(row + i, read.data() + i * layout_.row_bytes)) return damaged;
    }
  }
  return {};
}

}  // namespace minnow
