// SPDX-License-Identifier: Apache-2.0
// Random weights of a given shape, to time a model without having its file.
#pragma once

#include "base/result.h"
#include "models/weights/loader.h"
#include "nn/dtype.h"

namespace minnow {

// Products, biases, positions and token types are random, about N(0, 0.02), and the same in every
// run. The word table, in the precision that `dtype` stores it in, is all zeros in pages that are
// never written: rows of it are read as those of a mapped file are, and cost no memory. Fails with
// kInternal where there is no memory.
// winograd: convolutions that it suits are in Winograd's form.
Result<WeightStorage> RandomWeights(Dtype dtype, const WeightList& list, bool winograd = false);

}  // namespace minnow
