// SPDX-License-Identifier: Apache-2.0
// Precision of a model's products and of its embedding tables.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "nn/dtype.h"
#include "nn/embedding_table.h"

namespace minnow {

struct EncoderPrecision {
  std::optional<Dtype> dtype;          // nullopt: a packed file's own, fp32 for a directory
  std::optional<TableType> embedding;  // nullopt: as it is stored
};

enum class TableKind { kWord, kPosition, kTokenType, kPositionBias };

// How a table is stored in a model whose embeddings are of `embedding` type: only the word table is
// large enough for int4 to matter, and the token types are a few rows that every token gets, as the
// bias by distance is.
TableType StoredTableType(TableKind kind, TableType embedding);

const char* TableTypeName(TableType type);                       // "fp32", "int4", ...
Result<TableType> ParseEmbeddingDtype(const std::string& name);  // fp32, bf16, int8, int4

}  // namespace minnow
