// SPDX-License-Identifier: Apache-2.0
// Products of a Linear's weight with rows that lie in maps (kernels/map_kernels.h), in every
// precision of weights, and into what they are cut.
#pragma once

#include <atomic>
#include <cstddef>

#include "kernels/kernels.h"
#include "nn/linear.h"
#include "nn/maps/op_threads.h"

namespace minnow {

// Whether a product reads 8-bit integers (maps/int8_rows.h, maps/int8_block.h).
inline bool IsInt8(const Linear& linear) { return linear.weights().dtype == Dtype::kInt8; }
// Those for int16-safe weights, as all of maps are.
const MapInt8Kernels& MapInt8For(const Kernels& kernels);

// The elements that another product reads: bf16 for bf16, else fp32.
inline MapElement OperandOf(const Linear& linear) {
  return linear.weights().dtype == Dtype::kBF16 ? kMapBf16 : kMapF32;
}

// Columns [first, first + columns) of the product of the rows that `args` tells of with `linear`;
// what belongs to the weight is filled in here, `columns` too. residual, more and y are at column
// `first`. Returns early once `stop` is set. REQUIRES: first is a multiple of kPanelColumns.
void RunMapProduct(const Kernels& kernels, const Linear& linear, const MapProduct& args,
                   size_t first, size_t columns, const std::atomic<bool>* stop);
// The same, as the end of a task that has counted to `begin` before it. False: the turn was over
// first.
bool RunMapProduct(const Kernels& kernels, const Linear& linear, const MapProduct& args,
                   size_t first, size_t columns, const std::atomic<bool>* stop, TaskTurn& turn,
                   size_t begin);

// Into how many groups of columns a product of `blocks` equal blocks is cut so that no thread is
// idle for long. Threads that share a block prepare its rows each for itself.
size_t ColumnSplits(size_t blocks, size_t threads, size_t columns);

// Part `index` of `count` parts of [0, size) in whole units, as even as possible.
struct Part {
  size_t first, size;
};
Part PartOf(size_t size, size_t unit, size_t count, size_t index);

}  // namespace minnow
