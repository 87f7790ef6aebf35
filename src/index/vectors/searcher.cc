// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/searcher.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>

#include "index/vectors/list_reach.h"

namespace minnow {
namespace {

constexpr float kQueryMost = kScanQueryMost;
constexpr float kNone = -std::numeric_limits<float>::infinity();
// Blocks that one kernel call scans at most; the first calls scan fewer, since they know no
// threshold yet.
constexpr size_t kMostBlocks = 32;
constexpr size_t kMostRows = kMostBlocks * kScanBlockRows;
// Survivors wait for so many others, so that their rows have come from memory when they are scored.
constexpr size_t kWaiting = 24;
// Rows kept for fp32 beyond those asked for: 8-bit scores are about 0.001 off, and the lists' reach
// (list_reach.h) is measured against the last of the rows kept.
size_t Kept(size_t limit) { return limit + std::max<size_t>(limit / 2, 20); }

// Standard deviations of a sketch's error that its bound allows for.
constexpr float kDeviations = 1.8f;
// Lists of which a filter allows no more than this part are scored by 8 bits at once: a block of
// sketches is read for all of its rows.
constexpr size_t kCandidatesOf = 16;
// The variance of a sketch's error relative to (gain |u|)^2: 1 - 2 / pi for a Gaussian row.
constexpr float kSketchVariance = 0.3634f;
// What the same deviations of q c by 8 bits are, in steps of the centroid's numbers.
constexpr float kCentroidError = 0.52f;

void Prefetch(const void* bytes, size_t size) {
  constexpr size_t kLine = 64;
  for (size_t at = 0; at < size; at += kLine)
    __builtin_prefetch(static_cast<const std::byte*>(bytes) + at);
}

Error Damaged() { return Error{Code::kCorrupt, "vectors: the file beside the index is damaged"}; }

}  // namespace

struct Searcher::Member {
  Member(size_t limit, const VectorQuery& query, size_t dimensions)
      : top(limit, query.distinct_groups), scratch(dimensions) {}
  TopRows top;
  std::vector<float> scratch;
  uint32_t allowed[kMostBlocks];
  uint32_t survivors[kMostRows];  // of one kernel call
  float survivor_bounds[kMostRows];
  std::vector<uint32_t> few;  // slots of a list of which a filter lets few rows through
  size_t waiting = 0;         // rows of one segment that are to be scored
  uint32_t slots[kMostRows + kWaiting];
  float bounds[kMostRows + kWaiting];
  int32_t dots[kMostRows + kWaiting];
};

Searcher::Searcher(const ScanKernels& kernels, const Rotation& rotation, const Segments& segments,
                   const VectorQuery& query)
    : kernels_(kernels),
      rotation_(rotation),
      segments_(segments),
      query_(query),
      threshold_(kNone) {}

void Searcher::PrepareQuery() {
  const size_t padded = rotation_.padded();
  plain_.assign(query_.vector.begin(), query_.vector.end());
  if (!AllBelow(plain_.data(), plain_.size(), kLargestElement))
    std::fill(plain_.begin(), plain_.end(), 0.0f);
  length_ = std::sqrt(Dot(kernels_, plain_.data(), plain_.data(), plain_.size()));
  std::vector<float> unit(plain_.size());
  const float inverse = length_ > MINNOW_SCAN_TINY ? 1 / length_ : 0;
  for (size_t i = 0; i < unit.size(); ++i) unit[i] = plain_[i] * inverse;
  rotated_.resize(padded);
  rotation_.Apply(kernels_, unit.data(), rotated_.data());
  square_ = Dot(kernels_, rotated_.data(), rotated_.data(), padded);
  tables_.resize(4 * padded);
  const ScanTables tables = {rotated_.data(), padded, tables_.data(), &tables_step_,
                             &tables_offset_};
  kernels_.tables(&tables);
  tables_variance_ = static_cast<float>(padded / 4) / 12 * tables_step_ * tables_step_;
  float most = 0;
  for (const float v : rotated_) most = std::max(most, std::fabs(v));
  quantized_scale_ = most / kQueryMost;
  quantized_.resize(padded);
  double error = 0;
  for (size_t i = 0; i < padded; ++i) {
    const float q = most > 0 ? std::nearbyint(rotated_[i] / most * kQueryMost) : 0;
    quantized_[i] = static_cast<int16_t>(q);
    const double rest = rotated_[i] - static_cast<double>(q) * quantized_scale_;
    error += rest * rest;
  }
  quantized_error_ = static_cast<float>(std::sqrt(error)) + 1e-6f;
}

void Searcher::CollectTasks() {
  std::vector<int32_t> dots;
  for (size_t s = 0; s < segments_.size(); ++s) {
    const SegmentArrays& arrays = segments_[s]->arrays();
    dots.resize(arrays.lists.size());
    const ScanDots product = {quantized_.data(),
                              segments_[s]->centroid_codes(),
                              nullptr,
                              arrays.lists.size(),
                              rotation_.padded(),
                              dots.data()};
    kernels_.dot_i8(&product);
    for (size_t list = 0; list < arrays.lists.size(); ++list) {
      const ListHead& head = arrays.lists[list];
      if (head.blocks == 0) continue;
      const float dot = static_cast<float>(dots[list]) *
                        (segments_[s]->centroid_scales()[list] * quantized_scale_);
      Task task = {.segment = static_cast<uint32_t>(s),
                   .list = static_cast<uint32_t>(list),
                   .centre_dot = dot};
      task.potential =
          std::isinf(arrays.reach) ? arrays.reach : ListPotential(dot, head, arrays.reach);
      tasks_.push_back(task);
    }
  }
  OrderTasks();
}

// The most promising ones first, in so many steps: to tell more apart takes longer than it saves.
void Searcher::OrderTasks() {
  constexpr size_t kSteps = 512;
  float most = kNone, least = -kNone;
  for (const Task& task : tasks_) {
    if (!std::isfinite(task.potential)) continue;
    most = std::max(most, task.potential);
    least = std::min(least, task.potential);
  }
  const float scale = most > least ? kSteps / (most - least) : 0;
  const auto step_of = [&](const Task& task) {
    const float steps = (most - task.potential) * scale;
    if (!(steps > 0)) return size_t{0};
    return steps < kSteps - 1 ? static_cast<size_t>(steps) : kSteps - 1;
  };
  size_t place[kSteps + 1] = {};
  for (const Task& task : tasks_) ++place[step_of(task) + 1];
  std::partial_sum(place, place + kSteps, place);
  std::vector<Task> ordered(tasks_.size());
  for (const Task& task : tasks_) ordered[place[step_of(task)]++] = task;
  tasks_.swap(ordered);
}

bool Searcher::NextTask(float threshold, Task* task) {
  size_t next;
  do {
    next = next_task_.fetch_add(1, std::memory_order_relaxed);
    if (next >= tasks_.size()) return false;
  } while (tasks_[next].potential < threshold);
  *task = tasks_[next];
  return true;
}

uint32_t Searcher::Allowed(size_t segment, size_t block) const {
  const uint32_t live = segments_[segment]->Live(block);
  return masks_.empty() ? live : live & masks_[segment]->allowed[block];
}

float Searcher::Threshold(const Member& member) const {
  return std::max(member.top.threshold(), threshold_.load(std::memory_order_relaxed));
}

void Searcher::Raise(float threshold) {
  float before = threshold_.load(std::memory_order_relaxed);
  while (before < threshold &&
         !threshold_.compare_exchange_weak(before, threshold, std::memory_order_relaxed)) {
  }
}

void Searcher::ScanLists(Member& member) {
  Task task, following;
  size_t segment = segments_.size();  // that the waiting rows are of
  bool more = NextTask(kNone, &following);
  while (more && !damaged_.load(std::memory_order_relaxed)) {
    task = following;
    more = NextTask(Threshold(member), &following);
    if (task.potential < Threshold(member)) continue;
    if (segment != task.segment && member.waiting > 0 && !Verify(segment, member)) damaged_ = true;
    segment = task.segment;
    if (!ScanOneList(task, more ? &following : nullptr, member)) damaged_ = true;
  }
  if (member.waiting > 0 && !Verify(segment, member)) damaged_ = true;
}

ScanList Searcher::PlanOf(const Task& task, Member& member) const {
  const Segment& segment = *segments_[task.segment];
  const ListHead& head = segment.arrays().lists[task.list];
  const float toward =
      head.centre_square > MINNOW_SCAN_TINY ? task.centre_dot / head.centre_square : 0;
  const float u_square = std::max(0.0f, square_ - toward * task.centre_dot);
  ScanList scan = {};
  scan.dimensions = segment.arrays().dimensions;
  scan.tables = tables_.data();
  scan.allowed = member.allowed;
  scan.step = tables_step_;
  scan.offset =
      tables_offset_ + kDeviations * std::sqrt(kSketchVariance * u_square + tables_variance_);
  scan.toward = toward;
  scan.base = task.centre_dot + kCentroidError * segment.centroid_scales()[task.list];
  scan.survivors = member.survivors;
  scan.bounds = member.survivor_bounds;
  return scan;
}

bool Searcher::ScanOneList(const Task& task, const Task* following, Member& member) {
  if (!masks_.empty() && ListFew(task, member)) return ScanFew(task, member);
  const Segment& segment = *segments_[task.segment];
  const ListHead& head = segment.arrays().lists[task.list];
  const uint8_t* blocks = BlocksOf(task);
  if (!segment.Intact(blocks, head.blocks * segment.block_bytes())) return false;
  ScanList scan = PlanOf(task, member);
  // The first rows of all are scored at once, for a threshold.
  bool first = !(Threshold(member) > kNone);
  size_t step = first ? 1 : kMostBlocks;
  for (size_t done = 0; done < head.blocks;) {
    const size_t count = std::min<size_t>(step, head.blocks - done);
    for (size_t b = 0; b < count; ++b)
      member.allowed[b] = Allowed(task.segment, head.first_block + done + b);
    scan.blocks = blocks + done * segment.block_bytes();
    scan.block_count = count;
    scan.threshold = Threshold(member);
    // After a part of the list its next part, then the next list.
    scan.next = done + count < head.blocks ? scan.blocks + count * segment.block_bytes()
                : following != nullptr     ? BlocksOf(*following)
                                           : nullptr;
    Collect(task, (head.first_block + done) * kScanBlockRows, kernels_.scan(&scan), member);
    if ((first || member.waiting >= kWaiting) && !Verify(task.segment, member)) return false;
    done += count;
    if (Threshold(member) > kNone) step = std::min(2 * step, kMostBlocks);
  }
  return true;
}

const uint8_t* Searcher::BlocksOf(const Task& task) const {
  const Segment& segment = *segments_[task.segment];
  return segment.arrays().blocks +
         segment.arrays().lists[task.list].first_block * segment.block_bytes();
}

bool Searcher::ListFew(const Task& task, Member& member) const {
  const Segment& segment = *segments_[task.segment];
  const ListHead& head = segment.arrays().lists[task.list];
  const uint32_t* allowed = masks_[task.segment]->allowed.data();
  member.few.clear();
  // Counted bit by bit: few are set, or the end comes early.
  size_t room = head.blocks * size_t{kScanBlockRows} / kCandidatesOf;
  for (size_t b = head.first_block; b < size_t{head.first_block} + head.blocks; ++b) {
    if (allowed[b] == 0) continue;
    const uint32_t live = segment.Live(b);
    for (uint32_t rows = allowed[b]; rows != 0; rows &= rows - 1) {
      if (room-- == 0) return false;
      const auto row = static_cast<uint32_t>(std::countr_zero(rows));
      if ((live >> row & 1) != 0)
        member.few.push_back(static_cast<uint32_t>(b * kScanBlockRows) + row);
    }
  }
  return true;
}

bool Searcher::ScanFew(const Task& task, Member& member) {
  for (const uint32_t slot : member.few) {
    Await(task, slot, task.potential, member);
    if (member.waiting >= kWaiting && !Verify(task.segment, member)) return false;
  }
  return true;
}

void Searcher::Await(const Task& task, size_t slot, float bound, Member& member) const {
  const SegmentArrays& arrays = segments_[task.segment]->arrays();
  const int8_t* row = arrays.quantized + slot * arrays.dimensions;
  Prefetch(row, arrays.dimensions);
  __builtin_prefetch(arrays.quantized_head + slot);
  member.slots[member.waiting] = static_cast<uint32_t>(slot);
  // A bound that is not a number bounds nothing.
  member.bounds[member.waiting++] = bound < task.potential ? bound : task.potential;
}

void Searcher::Collect(const Task& task, size_t first_slot, size_t count, Member& member) const {
  for (size_t i = 0; i < count; ++i)
    Await(task, first_slot + member.survivors[i], member.survivor_bounds[i], member);
}

bool Searcher::Verify(size_t index, Member& member) {
  const Segment& segment = *segments_[index];
  const SegmentArrays& arrays = segment.arrays();
  const size_t padded = arrays.dimensions;
  size_t count = 0;
  for (size_t i = 0; i < member.waiting; ++i) {
    if (member.bounds[i] < Threshold(member)) continue;
    const size_t slot = member.slots[i];
    if (!segment.Intact(arrays.quantized + slot * padded, padded) ||
        !segment.Intact(arrays.quantized_head + slot, 1)) {
      return false;
    }
    member.slots[count] = member.slots[i];
    member.bounds[count++] = member.bounds[i];
  }
  member.waiting = 0;
  const ScanDots dots = {quantized_.data(), arrays.quantized, member.slots, count, padded,
                         member.dots};
  kernels_.dot_i8(&dots);
  // What rows are called lies far apart: told to the processor for all before one is looked at.
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t slot = member.slots[i];
    const float scored =
        static_cast<float>(member.dots[i]) * (arrays.quantized_head[slot].scale * quantized_scale_);
    const float value = std::min(scored, member.bounds[i]);
    if (!(value >= Threshold(member))) continue;
    member.slots[kept] = member.slots[i];
    member.bounds[kept++] = value;
    __builtin_prefetch(arrays.row_of_slot + slot);
  }
  for (size_t i = 0; i < kept; ++i) {
    const uint32_t row = arrays.row_of_slot[member.slots[i]];
    member.slots[i] = row;
    __builtin_prefetch(arrays.keys.data() + row);
    __builtin_prefetch(arrays.groups + row);
  }
  for (size_t i = 0; i < kept; ++i) {
    const uint32_t row = member.slots[i];
    member.top.Offer({member.bounds[i], static_cast<uint32_t>(index), row, arrays.keys[row],
                      arrays.groups[row]});
  }
  Raise(member.top.threshold());
  return true;
}

float Searcher::Score(const float* row) const {
  return Dot(kernels_, plain_.data(), row, plain_.size());
}

bool Searcher::Rescore(std::vector<TopRow>& rows, std::vector<float>& scratch) const {
  for (const TopRow& row : rows) segments_[row.segment]->vectors().Prefetch(row.row);
  for (TopRow& row : rows) {
    const float* x = segments_[row.segment]->vectors().Get(row.row, scratch.data());
    if (x == nullptr) return false;
    row.value = Score(x);
  }
  return true;
}

bool Searcher::ScanBlocksExactly(size_t index, size_t list, Member& member) {
  const Segment& segment = *segments_[index];
  const SegmentArrays& arrays = segment.arrays();
  const ListHead& head = arrays.lists[list];
  const size_t padded = arrays.dimensions;
  const size_t first_slot = size_t{head.first_block} * kScanBlockRows;
  const size_t slots = size_t{head.blocks} * kScanBlockRows;
  if (!segment.Intact(arrays.quantized + first_slot * padded, slots * padded) ||
      !segment.Intact(arrays.quantized_head + first_slot, slots)) {
    return false;
  }
  // Everything here is in units of the query's length.
  const float slack = quantized_error_ * head.longest + 1e-6f * head.longest;
  for (size_t done = 0; done < slots; done += kMostRows) {
    size_t count = 0;
    const size_t end = std::min(done + kMostRows, slots);
    for (size_t slot = done; slot < end; slot += kScanBlockRows) {
      const uint32_t allowed = Allowed(index, (first_slot + slot) / kScanBlockRows);
      for (size_t j = 0; j < kScanBlockRows; ++j) {
        if ((allowed >> j & 1) != 0) member.slots[count++] = static_cast<uint32_t>(slot + j);
      }
    }
    const ScanDots dots = {
        quantized_.data(), arrays.quantized + first_slot * padded, member.slots, count, padded,
        member.dots};
    kernels_.dot_i8(&dots);
    for (size_t i = 0; i < count; ++i) {
      const size_t slot = first_slot + member.slots[i];
      const QuantizedHead& quantized = arrays.quantized_head[slot];
      const float value = static_cast<float>(member.dots[i]) * (quantized.scale * quantized_scale_);
      if ((value + quantized.error + slack) * length_ < Threshold(member)) continue;
      const uint32_t row = arrays.row_of_slot[slot];
      const float* x = segment.vectors().Get(row, member.scratch.data());
      if (x == nullptr) return false;
      member.top.Offer(
          {Score(x), static_cast<uint32_t>(index), row, arrays.keys[row], arrays.groups[row]});
    }
    Raise(member.top.threshold());
  }
  return true;
}

bool Searcher::ScanExactly(Member& member) {
  size_t first = 0;  // the number of the segment's first list among all
  size_t next = next_exact_.fetch_add(1);
  for (size_t s = 0; s < segments_.size(); ++s) {
    const size_t lists = segments_[s]->arrays().lists.size();
    for (; next < first + lists; next = next_exact_.fetch_add(1)) {
      if (damaged_.load(std::memory_order_relaxed)) return true;
      if (!ScanBlocksExactly(s, next - first, member)) return false;
    }
    first += lists;
  }
  return true;
}

std::vector<TopRow> Searcher::Gather(std::deque<Member>& members, size_t limit) const {
  TopRows all(limit, query_.distinct_groups);
  for (const Member& member : members) all.Absorb(member.top);
  return all.Sorted();
}

std::deque<Searcher::Member> Searcher::MakeMembers(size_t limit) const {
  std::deque<Member> members;
  for (size_t i = 0; i < MembersOf(query_.pool); ++i)
    members.emplace_back(limit, query_, rotation_.dimensions());
  return members;
}

// The scores found so far let most rows be passed over; all over again where rows that had them
// were removed meanwhile.
Result<std::vector<TopRow>> Searcher::RunExactly(const std::vector<TopRow>& nearly) {
  for (float start = nearly.size() < query_.limit ? kNone : nearly.back().value;; start = kNone) {
    threshold_ = start;
    next_exact_ = 0;
    std::deque<Member> members = MakeMembers(query_.limit);
    RunOn(query_.pool, [&](int i) {
      if (!ScanExactly(members[static_cast<size_t>(i)])) damaged_ = true;
    });
    if (damaged_) return Damaged();
    std::vector<TopRow> rows = Gather(members, query_.limit);
    if (rows.size() == query_.limit || start == kNone) return rows;
  }
}

Result<std::vector<VectorHit>> Searcher::Run() {
  PrepareQuery();
  if (query_.filter != nullptr) {
    for (const auto& segment : segments_)
      masks_.push_back(FilterMasks::For(*query_.filter, *segment));
  }
  CollectTasks();
  std::deque<Member> members = MakeMembers(Kept(query_.limit));
  RunOn(query_.pool, [&](int i) { ScanLists(members[static_cast<size_t>(i)]); });
  std::vector<TopRow> rows = Gather(members, Kept(query_.limit));
  if (damaged_ || !Rescore(rows, members[0].scratch)) return Damaged();
  std::sort(rows.begin(), rows.end(), [](const TopRow& a, const TopRow& b) { return a.Before(b); });
  if (rows.size() > query_.limit) rows.resize(query_.limit);
  if (query_.exact) {
    MINNOW_ASSIGN_OR_RETURN(rows, RunExactly(rows));
  }
  std::vector<VectorHit> hits;
  for (const TopRow& row : rows) hits.push_back({row.key, row.group, row.value});
  return hits;
}

}  // namespace minnow
