// SPDX-License-Identifier: Apache-2.0
// OnnxPiece: a part of a graph that holds weights: a table, a LayerNorm, a product, or the fused
// attention of onnxruntime, in whatever form an exporter or optimiser has written it.
//
// Operators: https://github.com/onnx/onnx/blob/main/docs/Operators.md and
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/onnx/graph.h"
#include "models/weights/precision.h"

namespace minnow {

enum class OnnxPieceKind { kTable, kNorm, kProduct, kAttention };

struct OnnxPiece {
  OnnxPieceKind kind = OnnxPieceKind::kProduct;
  const OnnxNode* node = nullptr;
  // Of a table [rows, C]; of a norm, gamma [C]; of a product [N, K]; of attention, those of query,
  // key and value one after the other: [3C, K].
  TensorView weight;
  std::optional<TensorView> bias;  // [C], [N] or [3C]; of a norm, beta; of a table none
  std::string_view indices;        // of a table: the value that chooses rows
  std::optional<TableKind> table;  // where the node itself tells which
  std::string_view scale_from;     // of a product of integers: where its scale is still to come
};

struct OnnxPieces {
  std::vector<OnnxPiece> list;                   // in the order of computing
  std::map<std::string_view, size_t> by_output;  // also with bias or scale applied
  // Products of values none of which is a weight: attention's, in parts or as one operator.
  std::vector<const OnnxNode*> inner_products;
};

// All that holds weights. Every node is understood, or kUnsupported names the first that is not:
// one of an unknown operator, or one that uses a weight in an unknown way.
Result<OnnxPieces> ReadOnnxPieces(OnnxGraph& graph);

}  // namespace minnow
