// SPDX-License-Identifier: Apache-2.0
// Dtype: the precision of a model's weights and products.
#pragma once

#include <string>

#include "base/result.h"

namespace minnow {

enum class Dtype { kF32, kBF16, kInt8 };

const char* DtypeName(Dtype dtype);  // "fp32", "bf16", "int8"

// "fp32", "bf16", "int8" (and "float32", "bfloat16"); kInvalidArgument names the choices.
Result<Dtype> ParseDtype(const std::string& name);

}  // namespace minnow
