// SPDX-License-Identifier: Apache-2.0
// Kernels that no machine of the project has run prove themselves where they first run.
#pragma once

#include "kernels/kernels.h"

namespace minnow {

enum class PackedPrecision { kBf16, kInt8 };

// Whether `candidate` gives what `reference` gives, to rounding, over a few random products of
// every kind of block. Takes well under a millisecond. Thread-safe.
bool AgreesWithReference(const PackedKernels& candidate, const PackedKernels& reference,
                         PackedPrecision precision);

}  // namespace minnow
