// SPDX-License-Identifier: Apache-2.0
// Lists by k-means: rows near each other come to lie together, so that a search can pass over most.
//
// Trained on a sample. The same rows give the same lists on any number of threads.
#pragma once

#include <cstddef>

#include "base/thread_pool.h"
#include "index/vectors/segment_builder.h"
#include "kernels/kernels.h"

namespace minnow {

// Lists that suit so many rows; 1: none.
size_t ListsFor(size_t rows);

// False: a row cannot be read. pool: null for one thread.
bool ClusterRows(const Kernels& kernels, const Rotation& rotation, const VectorRows& rows,
                 size_t lists, ThreadPool* pool, RowLists* out);

}  // namespace minnow
