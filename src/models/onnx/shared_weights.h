// SPDX-License-Identifier: Apache-2.0
// Whether two tensors of a graph are one weight that several layers share. An optimiser packs one
// copy for its own operator, a quantiser rounds another; the checkpoint had them once.
#pragma once

#include "formats/tensor_source.h"

namespace minnow {

// Scales and zero points are none, one, or one a row: what reads a tensor's numbers relies on it.
bool HasScalesOfRows(const TensorView& tensor);

// Equal numbers in whatever layout, or within a step of the scales of those that are rounded.
bool SameWeight(const TensorView& a, const TensorView& b);

}  // namespace minnow
