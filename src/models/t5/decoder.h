// SPDX-License-Identifier: Apache-2.0
// A step of T5's decoder: one token of each beam of some requests.
//
// Rows are few and weights stream from memory, so threads share the columns of each product. A
// row's bits depend neither on the threads nor on the other rows.
#pragma once

#include <cstdint>
#include <span>

#include "models/t5/cache.h"
#include "models/t5/config.h"
#include "models/t5/weights.h"
#include "models/t5/workspace.h"

namespace minnow {

// `token` is fed at the next position of `beam`.
struct T5Row {
  T5Cache* cache = nullptr;
  uint32_t beam = 0;
  int32_t token = 0;
};

// logits: [R, PaddedColumns(V)] f32. Then each cache's length is one more. Allocates nothing.
// REQUIRES: rows fit the workspace, tokens are in [0, V), a beam has one row at most, and no cache
// is full.
void T5Step(const T5Config& config, const T5Weights& weights, const Kernels& kernels,
            std::span<const T5Row> rows, T5Workspace& workspace, float* logits);

}  // namespace minnow
