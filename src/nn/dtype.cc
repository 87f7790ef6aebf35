// SPDX-License-Identifier: Apache-2.0
// Names of precisions.
#include "nn/dtype.h"

namespace minnow {

const char* DtypeName(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return "fp32";
    case Dtype::kBF16:
      return "bf16";
    case Dtype::kInt8:
      return "int8";
  }
  return "fp32";
}

Result<Dtype> ParseDtype(const std::string& name) {
  if (name == "fp32" || name == "float32") return Dtype::kF32;
  if (name == "bf16" || name == "bfloat16") return Dtype::kBF16;
  if (name == "int8") return Dtype::kInt8;
  return Error{Code::kInvalidArgument, "\"" + name + "\" is not one of fp32, bf16, int8"};
}

Result<std::optional<Dtype>> ParseDtypeOrAuto(const std::string& name) {
  if (name == "auto") return std::optional<Dtype>();
  const auto dtype = ParseDtype(name);
  if (dtype.ok()) return std::optional<Dtype>(*dtype);
  return Error{Code::kInvalidArgument, dtype.error().message + ", auto"};
}

}  // namespace minnow
