// SPDX-License-Identifier: Apache-2.0
// SidecarFile: a sidecar that is open, and the damage in it.
//
// What stands in for rows (lists, keys, groups) is read and checked when it is opened. Sketches and
// 8-bit rows are mapped; each page is checked when it is first asked for. Rows in fp32 have a
// checksum each; where they are many they are read one by one, so that only what is scanned becomes
// resident. Nothing unchecked is ever used. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "index/vectors/segment.h"
#include "index/vectors/sidecar_layout.h"
#include "index/vectors/vector_rows.h"

namespace minnow {

class SidecarFile final : public DamageCheck, public RowFile {
 public:
  // padded: of the rotation of expected.dimensions. kCorrupt; kInvalidArgument: of something else.
  static Result<std::shared_ptr<const SidecarFile>> Open(MappedFile mapped,
                                                         const SidecarIdentity& expected,
                                                         size_t padded);

  int64_t last_key() const { return header_.last_key; }
  // The rows, which keep `file` alive; all of them alive.
  static std::shared_ptr<const Segment> MakeSegment(const std::shared_ptr<const SidecarFile>& file);
  // Checks what was not yet. kCorrupt.
  Status Verify() const;

  bool Intact(const void* bytes, size_t size) const override;
  const float* Get(uint64_t row, float* scratch) const override;
  const float* Mapped(uint64_t row) const override;

 private:
  SidecarFile(MappedFile mapped, const SidecarHeader& header, const SidecarLayout& layout,
              size_t padded);

  template <class T>
  std::span<const T> Array(const SidecarLayout::Section& section) const;
  bool RecordIntact(uint64_t row, const std::byte* record) const;
  bool PagesIntact(size_t first, size_t last) const;
  bool SectionIntact(const SidecarLayout::Section& section) const;
  Status CheckTables();
  bool ListsAreSound() const;
  bool PlaceSlots();

  const MappedFile mapped_;
  const SidecarHeader header_;
  const SidecarLayout layout_;
  const size_t padded_;
  std::span<const uint64_t> checksums_;
  // Bit i % 64 of word i / 64: page i was found intact.
  const std::unique_ptr<std::atomic<uint64_t>[]> intact_;
  const bool rows_are_mapped_;
  const std::unique_ptr<std::atomic<uint64_t>[]> intact_rows_;  // of mapped ones
  std::vector<uint32_t> row_of_slot_;
};

}  // namespace minnow
