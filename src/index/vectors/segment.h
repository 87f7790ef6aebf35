// SPDX-License-Identifier: Apache-2.0
// Segment: some rows of an index in the three forms that a search reads, in lists.
//
// Rows have two numbers: `row` in order of keys, and `slot` in order of lists, each of which begins
// at a whole block. Everything but the marks of removed rows is immutable; any thread may read, one
// writer may remove.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/vectors/vector_rows.h"
#include "kernels/scan.h"

namespace minnow {

inline constexpr uint32_t kNoRow = UINT32_MAX;

// What a list is, beside its centroid.
struct ListHead {
  uint32_t first_block = 0;
  uint32_t blocks = 0;
  float centre_square = 0;  // |c|^2
  float longest = 0;        // the largest |x| of its rows
  float spread = 0;         // the root of the mean of |x - c|^2
};

// Of an 8-bit row: x is about scale times its integers, and at most `error` away from that.
struct QuantizedHead {
  float scale;
  float error;
};

// Parts of a segment that lie in a file may be damaged; who reads them asks first.
class DamageCheck {
 public:
  virtual ~DamageCheck() = default;
  // False: these bytes are not what was written.
  virtual bool Intact(const void* bytes, size_t size) const = 0;
};

struct SegmentArrays {
  size_t dimensions = 0;  // padded, as kernels take it
  std::span<const ListHead> lists;
  const float* centroids = nullptr;  // [lists][dimensions], rotated
  const uint8_t* blocks = nullptr;
  size_t block_count = 0;
  const int8_t* quantized = nullptr;              // [slots][dimensions]
  const QuantizedHead* quantized_head = nullptr;  // [slots]
  const uint32_t* row_of_slot = nullptr;          // [slots]; kNoRow: none
  std::span<const int64_t> keys;                  // [rows], ascending
  const int64_t* groups = nullptr;                // [rows]
  const uint32_t* slot_of_row = nullptr;          // [rows]
  float reach = 0;  // of the lists, see list_reach.h; infinity: none may be passed over
  bool groups_ascend = false;
};

class Segment {
 public:
  // `owner` keeps the arrays alive; `check` may be null. Every slot with a row is alive.
  Segment(const SegmentArrays& arrays, VectorRows rows, std::shared_ptr<const void> owner,
          std::shared_ptr<const DamageCheck> check, bool clustered, bool in_memory);

  const SegmentArrays& arrays() const { return arrays_; }
  const VectorRows& vectors() const { return vectors_; }
  size_t rows() const { return arrays_.keys.size(); }
  size_t slots() const { return arrays_.block_count * kScanBlockRows; }
  bool clustered() const { return clustered_; }
  bool in_memory() const { return in_memory_; }
  // The centroids in 8 bits: [lists][dimensions], and their scales: what orders lists reads these.
  const int8_t* centroid_codes() const { return centroid_codes_.data(); }
  const float* centroid_scales() const { return centroid_scales_.data(); }
  uint64_t serial() const { return serial_; }  // no two segments of a process have the same
  size_t block_bytes() const { return MINNOW_SCAN_BLOCK_BYTES(arrays_.dimensions); }

  // Bit j: row j of the block is there and not removed.
  uint32_t Live(size_t block) const { return live_[block].load(std::memory_order_relaxed); }
  size_t removed() const { return removed_.load(std::memory_order_relaxed); }
  bool IsLive(size_t row) const;
  // kNoRow: no such key.
  uint32_t FindRow(int64_t key) const;
  // False: it was removed before. One writer at a time.
  bool Remove(size_t row) const;

  template <class T>
  bool Intact(const T* from, size_t n) const {
    return check_ == nullptr || check_->Intact(from, n * sizeof(T));
  }

 private:
  const SegmentArrays arrays_;
  const VectorRows vectors_;
  const std::shared_ptr<const void> owner_;
  const std::shared_ptr<const DamageCheck> check_;
  const bool clustered_;
  const bool in_memory_;
  const uint64_t serial_;
  std::vector<int8_t> centroid_codes_;
  std::vector<float> centroid_scales_;
  const std::unique_ptr<std::atomic<uint32_t>[]> live_;
  mutable std::atomic<size_t> removed_{0};
};

}  // namespace minnow
