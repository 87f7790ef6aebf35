// SPDX-License-Identifier: Apache-2.0
// Dtype: the precision of a model's weights and products.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace minnow {

enum class Dtype { kF32, kBF16, kInt8 };

const char* DtypeName(Dtype dtype);  // "fp32", "bf16", "int8"

// The same, and "auto": nullopt, the model's own.
Result<std::optional<Dtype>> ParseDtypeOrAuto(const std::string& name);

// "fp32", "bf16", "int8" (and "float32", "bfloat16"); kInvalidArgument names the choices.
Result<Dtype> ParseDtype(const std::string& name);

}  // namespace minnow
