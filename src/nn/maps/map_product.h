// SPDX-License-Identifier: Apache-2.0
// Products of a Linear's weight with rows that lie in maps (kernels/map_kernels.h), in every
// precision of weights, and how the threads of a pool share the work of an operation.
#pragma once

#include <atomic>
#include <cstddef>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "nn/linear.h"

namespace minnow {

// Whether a product reads 8-bit integers (maps/int8_rows.h, maps/int8_block.h).
inline bool IsInt8(const Linear& linear) { return linear.weights().dtype == Dtype::kInt8; }
const MapInt8Kernels& MapInt8For(const Kernels& kernels, const Linear& linear);

// The elements that another product reads: bf16 for bf16, else fp32.
inline MapElement OperandOf(const Linear& linear) {
  return linear.weights().dtype == Dtype::kBF16 ? kMapBf16 : kMapF32;
}

// Columns [first, first + columns) of the product of the rows that `args` tells of with `linear`;
// what belongs to the weight is filled in here, `columns` too. residual, more and y are at column
// `first`. Returns early once `stop` is set. REQUIRES: first is a multiple of kPanelColumns.
void RunMapProduct(const Kernels& kernels, const Linear& linear, MapProduct args, size_t first,
                   size_t columns, const std::atomic<bool>* stop);

inline bool IsSet(const std::atomic<bool>* stop) {
  return stop != nullptr && stop->load(std::memory_order_relaxed);
}

// body(member, task) for each task in [0, tasks), on any of the pool's threads, until `stop`.
template <class Body>
void RunTasks(ThreadPool* pool, size_t tasks, const std::atomic<bool>* stop, const Body& body) {
  if (tasks == 1) {
    if (!IsSet(stop)) body(0, 0);
    return;
  }
  std::atomic<size_t> next{0};
  RunOn(pool, [&](int member) {
    while (!IsSet(stop)) {
      const size_t task = next.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks) return;
      body(static_cast<size_t>(member), task);
    }
  });
}

// Into how many groups of columns a product of `blocks` equal blocks is cut so that no thread is
// idle for long. Threads that share a block prepare its rows each for itself.
size_t ColumnSplits(size_t blocks, size_t threads, size_t columns);

// Part `index` of `count` parts of [0, size) in whole units, as even as possible.
struct Part {
  size_t first, size;
};
Part PartOf(size_t size, size_t unit, size_t count, size_t index);

}  // namespace minnow
