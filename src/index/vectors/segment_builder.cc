// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/segment_builder.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

namespace minnow {
namespace {

// What a segment in memory owns.
struct SegmentMemory {
  std::vector<int64_t> keys, groups;
  AlignedBuffer<float> centroids;
  Placement placement;
  AlignedBuffer<uint8_t> blocks;
  AlignedBuffer<int8_t> quantized;
  AlignedBuffer<QuantizedHead> quantized_head;
};

// A bound on what rotating in fp32 changes, relative to a row's length.
constexpr float kRotationError = 4e-6f;

void PutFactors(uint8_t* block, size_t dimensions, size_t j, float gain, float lean) {
  uint8_t* factors = block + dimensions / 8 * kScanBlockRows;
  std::memcpy(factors + j * sizeof(float), &gain, sizeof gain);
  std::memcpy(factors + (kScanBlockRows + j) * sizeof(float), &lean, sizeof lean);
}

}  // namespace

void RowSet::AddLive(const Segment& segment) {
  for (size_t row = 0; row < segment.rows(); ++row) {
    if (!segment.IsLive(row)) continue;
    keys.push_back(segment.arrays().keys[row]);
    groups.push_back(segment.arrays().groups[row]);
    vectors.AddRow(segment.vectors(), row);
  }
}

bool MakeOneList(const ScanKernels& kernels, const Rotation& rotation, const VectorRows& rows,
                 RowLists* lists) {
  std::vector<float> scratch(rotation.dimensions());
  std::vector<double> sum(rotation.dimensions());
  for (size_t row = 0; row < rows.size(); ++row) {
    const float* x = rows.Get(row, scratch.data());
    if (x == nullptr) return false;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += x[i];
  }
  for (size_t i = 0; i < sum.size(); ++i) {
    scratch[i] = static_cast<float>(sum[i] / static_cast<double>(std::max<size_t>(rows.size(), 1)));
  }
  lists->count = 1;
  lists->list_of_row.clear();
  lists->centroids = AlignedBuffer<float>(rotation.padded());
  rotation.Apply(kernels, scratch.data(), lists->centroids.data());
  return true;
}

Placement PlaceRows(const RowLists& lists, size_t rows) {
  Placement placement;
  std::vector<uint32_t> size(lists.count);
  const auto list_of = [&](size_t row) {
    return lists.list_of_row.empty() ? 0 : lists.list_of_row[row];
  };
  for (size_t row = 0; row < rows; ++row) ++size[list_of(row)];
  std::vector<uint32_t> next(lists.count);
  placement.heads.resize(lists.count);
  for (size_t list = 0; list < lists.count; ++list) {
    ListHead& head = placement.heads[list];
    head.first_block = static_cast<uint32_t>(placement.blocks);
    head.blocks = (size[list] + kScanBlockRows - 1) / kScanBlockRows;
    next[list] = head.first_block * kScanBlockRows;
    placement.blocks += head.blocks;
  }
  placement.row_of_slot.assign(placement.blocks * kScanBlockRows, kNoRow);
  placement.slot_of_row.resize(rows);
  for (size_t row = 0; row < rows; ++row) {
    const uint32_t slot = next[list_of(row)]++;
    placement.row_of_slot[slot] = static_cast<uint32_t>(row);
    placement.slot_of_row[row] = slot;
  }
  return placement;
}

float ReachOf(const RowLists& lists, const Placement& placement) {
  if (lists.reach_parts.empty()) return std::numeric_limits<float>::infinity();
  return lists.reach.Measure(lists.reach_parts, placement.heads, lists.centroids.data());
}

bool EncodeList(const ScanKernels& kernels, const Rotation& rotation, const VectorRows& rows,
                const float* centroid, const uint32_t* row_of_slot, ListHead* head,
                const EncodedList& out) {
  const size_t padded = rotation.padded();
  std::vector<float> scratch(rotation.dimensions()), x(padded);
  std::vector<uint8_t> signs(padded / 8);
  head->centre_square = Dot(kernels, centroid, centroid, padded);
  double squares = 0;
  size_t count = 0;
  for (size_t slot = 0; slot < size_t{head->blocks} * kScanBlockRows; ++slot) {
    if (row_of_slot[slot] == kNoRow) continue;
    const float* row = rows.Get(row_of_slot[slot], scratch.data());
    if (row == nullptr) return false;
    rotation.Apply(kernels, row, x.data());
    float sums[4];
    const ScanEncode encode = {x.data(), centroid, padded, signs.data(), sums};
    kernels.encode(&encode);
    const size_t j = slot % kScanBlockRows;
    uint8_t* block = out.blocks + slot / kScanBlockRows * MINNOW_SCAN_BLOCK_BYTES(padded);
    for (size_t p = 0; p < padded / 8; ++p) block[p * kScanBlockRows + j] = signs[p];
    const float gain = sums[1] > MINNOW_SCAN_TINY ? sums[0] / sums[1] : 0;
    PutFactors(block, padded, j, gain, sums[2] - gain * sums[3]);

    QuantizedHead& quantized = out.quantized_head[slot];
    const float rest =
        kernels.quantize(x.data(), padded, out.quantized + slot * padded, &quantized.scale);
    const float length = std::sqrt(Dot(kernels, x.data(), x.data(), padded));
    quantized.error = (std::sqrt(rest) + kRotationError * length) * (1 + kRotationError);
    head->longest = std::max(head->longest, length * (1 + kRotationError));
    squares += sums[0];
    ++count;
  }
  head->spread =
      static_cast<float>(std::sqrt(squares / static_cast<double>(std::max<size_t>(count, 1))));
  return true;
}

std::shared_ptr<const Segment> BuildSegment(const ScanKernels& kernels, const Rotation& rotation,
                                            RowSet rows, RowLists lists, ThreadPool* pool) {
  const size_t padded = rotation.padded(), block_bytes = MINNOW_SCAN_BLOCK_BYTES(padded);
  auto memory = std::make_shared<SegmentMemory>();
  Placement& placement = memory->placement;
  placement = PlaceRows(lists, rows.size());
  const size_t slots = placement.blocks * kScanBlockRows;
  memory->blocks = AlignedBuffer<uint8_t>(placement.blocks * block_bytes,
                                          PageSizeFor(placement.blocks * block_bytes));
  memory->quantized = AlignedBuffer<int8_t>(slots * padded, PageSizeFor(slots * padded));
  memory->quantized_head = AlignedBuffer<QuantizedHead>(slots);
  memory->keys = std::move(rows.keys);
  memory->groups = std::move(rows.groups);

  std::atomic<size_t> next{0};
  std::atomic<bool> readable{true};
  const auto encode = [&](int) {
    for (size_t list; (list = next.fetch_add(1)) < lists.count;) {
      ListHead& head = placement.heads[list];
      const size_t first_slot = size_t{head.first_block} * kScanBlockRows;
      const EncodedList out = {memory->blocks.data() + head.first_block * block_bytes,
                               memory->quantized.data() + first_slot * padded,
                               memory->quantized_head.data() + first_slot};
      if (!EncodeList(kernels, rotation, rows.vectors, lists.centroids.data() + list * padded,
                      placement.row_of_slot.data() + first_slot, &head, out)) {
        readable = false;
      }
    }
  };
  RunOn(pool, encode);
  if (!readable) return nullptr;
  const float reach = ReachOf(lists, placement);
  memory->centroids = std::move(lists.centroids);
  const SegmentArrays arrays = {
      .dimensions = padded,
      .lists = placement.heads,
      .centroids = memory->centroids.data(),
      .blocks = memory->blocks.data(),
      .block_count = placement.blocks,
      .quantized = memory->quantized.data(),
      .quantized_head = memory->quantized_head.data(),
      .row_of_slot = placement.row_of_slot.data(),
      .keys = memory->keys,
      .groups = memory->groups.data(),
      .slot_of_row = placement.slot_of_row.data(),
      .reach = reach,
      .groups_ascend = std::is_sorted(memory->groups.begin(), memory->groups.end())};
  return std::make_shared<const Segment>(arrays, std::move(rows.vectors), std::move(memory),
                                         /*check=*/nullptr, /*clustered=*/lists.count > 1,
                                         /*in_memory=*/true);
}

}  // namespace minnow
