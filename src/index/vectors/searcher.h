// SPDX-License-Identifier: Apache-2.0
// Searcher: one search over the segments of a snapshot.
//
// A branch and bound. Lists are visited from the most to the least promising; the sketches of a
// list bound what its rows can score; rows whose bound reaches the best rows so far are scored by
// 8 bits. A row counts with the smaller of its bounds and its 8-bit score, which makes the rows
// kept a function of the data alone: whatever is skipped could not have been among them, in
// whatever order threads came by. The rows kept are scored in fp32. An exact search then visits
// every row again with 8-bit scores and bounds that always hold.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "index/vectors/filter_masks.h"
#include "index/vectors/rotation.h"
#include "index/vectors/segment.h"
#include "index/vectors/top_rows.h"
#include "index/vectors/vector_index.h"

namespace minnow {

using Segments = std::vector<std::shared_ptr<const Segment>>;

class Searcher {
 public:
  // query.vector has the rotation's dimensions; all arguments outlive the Searcher.
  Searcher(const ScanKernels& kernels, const Rotation& rotation, const Segments& segments,
           const VectorQuery& query);

  // Once.
  Result<std::vector<VectorHit>> Run();

 private:
  struct Task {
    uint32_t segment = 0;
    uint32_t list = 0;
    float potential = 0;   // nothing in the list is likely to score above this
    float centre_dot = 0;  // q c, by 8 bits
  };
  struct Member;  // one thread's part

  void PrepareQuery();
  void CollectTasks();
  void OrderTasks();
  // The next one that may reach the threshold; false: there is none.
  bool NextTask(float threshold, Task* task);
  // What a row of the block may be answered: not removed, and allowed by the filter.
  uint32_t Allowed(size_t segment, size_t block) const;

  void ScanLists(Member& member);
  // What the kernel is told of a list, but for its blocks.
  ScanList PlanOf(const Task& task, Member& member) const;
  const uint8_t* BlocksOf(const Task& task) const;
  // following: what is likely to be scanned next, or null.
  bool ScanOneList(const Task& task, const Task* following, Member& member);
  // Whether the filter lets so little of a list through that its sketches are not worth reading;
  // then those rows are in member.few.
  bool ListFew(const Task& task, Member& member) const;
  bool ScanFew(const Task& task, Member& member);
  // A row waits to be scored by 8 bits.
  void Await(const Task& task, size_t slot, float bound, Member& member) const;
  // Takes up the kernel's survivors, whose slots count from first_slot.
  void Collect(const Task& task, size_t first_slot, size_t count, Member& member) const;
  // Scores by 8 bits what was collected; false: damaged.
  bool Verify(size_t segment, Member& member);
  bool ScanExactly(Member& member);
  bool ScanBlocksExactly(size_t segment, size_t list, Member& member);

  float Threshold(const Member& member) const;
  void Raise(float threshold);
  // The rows kept, with their fp32 scores; false: unreadable.
  bool Rescore(std::vector<TopRow>& rows, std::vector<float>& scratch) const;
  float Score(const float* row) const;
  Result<std::vector<TopRow>> RunExactly(const std::vector<TopRow>& nearly);
  std::deque<Member> MakeMembers(size_t limit) const;
  std::vector<TopRow> Gather(std::deque<Member>& members, size_t limit) const;

  const ScanKernels& kernels_;
  const Rotation& rotation_;
  const Segments& segments_;
  const VectorQuery& query_;

  std::vector<float> plain_;     // [D]: the query, zero where it is no vector
  std::vector<float> rotated_;   // [padded]: of length 1
  std::vector<uint8_t> tables_;  // of rotated_, for sketches
  float tables_step_ = 0;
  float tables_offset_ = 0;
  float tables_variance_ = 0;       // of what rounding their entries does to a sum
  float square_ = 0;                // of rotated_'s length
  std::vector<int16_t> quantized_;  // [padded]
  float quantized_scale_ = 0;
  float quantized_error_ = 0;  // |rotated - quantized|
  float length_ = 0;           // of the query

  std::vector<std::shared_ptr<const SegmentMask>> masks_;  // [segments], where there is a filter
  std::vector<Task> tasks_;                                // about by potential
  std::atomic<size_t> next_task_{0};
  std::atomic<size_t> next_exact_{0};
  std::atomic<float> threshold_;
  std::atomic<bool> damaged_{false};
};

}  // namespace minnow
