// SPDX-License-Identifier: Apache-2.0
// CorePeaks: the best that one core of this machine does, measured: arithmetic in each precision,
// and reading of memory.
#pragma once

#include "kernels/kernels.h"

namespace minnow {

// Multiplications and additions, or bytes, in 10^9 a second. 0: not measured, since the kernels
// have no instruction of their own for it, or there is no loop for the one they use (AMX).
struct CorePeaks {
  double fp32 = 0;
  double bf16 = 0;
  double int8 = 0;
  double read_bytes = 0;
};

// For the instruction set of `kernels`, on the calling thread; takes about a second. May throw
// std::bad_alloc.
CorePeaks MeasureCorePeaks(const Kernels& kernels);

}  // namespace minnow
