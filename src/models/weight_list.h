// SPDX-License-Identifier: Apache-2.0
// The one list of an encoder's weights: what they are called in a checkpoint and in a packed file,
// and their sizes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "formats/encoder_config.h"
#include "models/encoder.h"
#include "nn/embedding_table.h"

namespace minnow {

enum class TableKind { kWord, kPosition, kTokenType };

// How a table is stored in a model whose embeddings are of `embedding` type: only the word table is
// large enough for int4 to matter, and the token types are a few rows that every token gets.
TableType StoredTableType(TableKind kind, TableType embedding);

const char* TableTypeName(TableType type);                       // "fp32", "int4", ...
Result<TableType> ParseEmbeddingDtype(const std::string& name);  // fp32, bf16, int8, int4

class WeightVisitor {
 public:
  virtual ~WeightVisitor() = default;
  virtual Status Table(const std::string& name, TableKind kind, size_t rows,
                       EmbeddingTable& table) = 0;
  virtual Status Norm(const std::string& name, LayerNormWeights& norm) = 0;
  // `parts`: names of the checkpoint's Linears that stand side by side in this one, each with
  // out_features / parts.size() columns.
  virtual Status Product(const std::string& name, std::span<const std::string> parts,
                         size_t in_features, size_t out_features, Linear& linear) = 0;
};

// Calls `visitor` for every weight of such a model, with its place in `weights`; ends at the first
// error.
Status VisitWeights(const EncoderConfig& config, EncoderWeights& weights, WeightVisitor& visitor);

}  // namespace minnow
