// SPDX-License-Identifier: Apache-2.0
// From fp32 rows to the forms that a search reads: list by list, for memory or for a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "index/vectors/list_reach.h"
#include "index/vectors/rotation.h"
#include "index/vectors/segment.h"

namespace minnow {

// Large arrays are walked at random: fewer pages are fewer misses.
inline PageSize PageSizeFor(size_t bytes) {
  return bytes >= (size_t{4} << 20) ? PageSize::kHuge : PageSize::kNormal;
}

// Rows to build from, in order of keys.
struct RowSet {
  explicit RowSet(size_t dimensions) : vectors(dimensions) {}
  std::vector<int64_t> keys;
  std::vector<int64_t> groups;
  VectorRows vectors;

  size_t size() const { return keys.size(); }
  // The segment's rows that are not removed.
  void AddLive(const Segment& segment);
};

// Which list each row belongs to.
struct RowLists {
  size_t count = 1;
  AlignedBuffer<float> centroids;     // [count][padded], rotated
  std::vector<uint32_t> list_of_row;  // [rows]; empty: all in list 0
  ReachSample reach;
  std::vector<ReachSample::Part> reach_parts;  // empty: no list may be passed over
};

// One list around the mean. False: a row cannot be read.
bool MakeOneList(const ScanKernels& kernels, const Rotation& rotation, const VectorRows& rows,
                 RowLists* lists);

// Where rows and lists come to lie.
struct Placement {
  std::vector<ListHead> heads;        // first_block and blocks are set
  std::vector<uint32_t> row_of_slot;  // [slots]
  std::vector<uint32_t> slot_of_row;  // [rows]
  size_t blocks = 0;
};
Placement PlaceRows(const RowLists& lists, size_t rows);
// What SegmentArrays calls reach; once the heads are complete.
float ReachOf(const RowLists& lists, const Placement& placement);

// The arrays of one list.
struct EncodedList {
  uint8_t* blocks;                // [head.blocks] blocks
  int8_t* quantized;              // [slots][padded]
  QuantizedHead* quantized_head;  // [slots]
};
// Fills them and the rest of `head`. row_of_slot: the list's slots. False: a row cannot be read.
bool EncodeList(const ScanKernels& kernels, const Rotation& rotation, const VectorRows& rows,
                const float* centroid, const uint32_t* row_of_slot, ListHead* head,
                const EncodedList& out);

// A segment in memory. Null: a row cannot be read. pool: null for one thread.
std::shared_ptr<const Segment> BuildSegment(const ScanKernels& kernels, const Rotation& rotation,
                                            RowSet rows, RowLists lists, ThreadPool* pool);

}  // namespace minnow
