// SPDX-License-Identifier: Apache-2.0
// Names of precisions.
#include "models/weights/precision.h"

namespace minnow {

TableType StoredTableType(TableKind kind, TableType embedding) {
  if (kind == TableKind::kTokenType || kind == TableKind::kPositionBias) return TableType::kF32;
  if (kind == TableKind::kPosition && embedding == TableType::kInt4) return TableType::kInt8;
  return embedding;
}

const char* TableTypeName(TableType type) {
  switch (type) {
    case TableType::kF32:
      return "fp32";
    case TableType::kF16:
      return "fp16";
    case TableType::kBF16:
      return "bf16";
    case TableType::kInt8:
      return "int8";
    case TableType::kInt4:
    case TableType::kInt4F16Scales:
      return "int4";
  }
  return "fp32";
}

Result<TableType> ParseEmbeddingDtype(const std::string& name) {
  for (const TableType type :
       {TableType::kF32, TableType::kBF16, TableType::kInt8, TableType::kInt4}) {
    if (name == TableTypeName(type)) return type;
  }
  return Error{Code::kInvalidArgument,
               "embedding dtype \"" + name + "\" is not one of fp32, bf16, int8, int4"};
}

}  // namespace minnow
