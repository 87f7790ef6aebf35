// SPDX-License-Identifier: Apache-2.0
// Vectors as Arrow's FixedSizeList<float32>, in capsules that give their memory back when nobody
// took what is in them.
#pragma once

#include <memory>

#include "csrc/python_api.h"
#include "csrc/vectors.h"

namespace minnow::python {

// Null with an error set where there is no memory. May throw std::bad_alloc.
Ref SchemaCapsule(const VectorStorage& storage);
Ref ArrayCapsule(std::shared_ptr<VectorStorage> storage);

}  // namespace minnow::python
