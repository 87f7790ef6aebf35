// SPDX-License-Identifier: Apache-2.0
// WeightVisitor: what a model's one list of weights is read, written, counted and named through.
//
// A list calls the visitor for every weight, with its size as the config tells it; nothing is
// inferred from which tensors exist.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "models/weights/precision.h"
#include "nn/embedding_table.h"
#include "nn/feature_map.h"
#include "nn/linear.h"

namespace minnow {

struct LayerNormWeights {
  const float* gamma = nullptr;  // [C]
  const float* beta = nullptr;   // [C]
};

struct WeightName {
  std::string own;     // here and in a packed file
  std::string stored;  // in a checkpoint, without the prefix of a model with a head
};

struct ProductSpec {
  std::string name;  // here and in a packed file
  // The checkpoint's Linears that stand side by side in this one, each with out_features /
  // parts.size() columns.
  std::span<const std::string> parts;
  size_t in_features = 0;  // of a convolution: its channels
  size_t out_features = 0;
  bool bias = true;   // false: the checkpoint has none, and zeros take its place
  size_t kernel = 1;  // side of a convolution's window, whose weight is [O, I, kernel, kernel]; of
                      // 1 it is a Linear, and [O, I, 1, 1] in a checkpoint is read as [O, I]
  // Of a 3x3 convolution of stride 1: where its weights are put, instead of the Linear's, if they
  // are in Winograd's form (nn/image_ops.h); null: it has none.
  const void** winograd = nullptr;
  bool sensitive = false;  // 8 bits lose too much: an int8 model has it in bf16

  // Of the Linear: [ky][kx][channel, with those that pad] of a convolution (nn/image_ops.h).
  size_t inputs() const {
    return kernel == 1 ? in_features : kernel * kernel * RoundUpChannels(in_features);
  }
  // In a model of this precision.
  Dtype StoredAs(Dtype dtype) const {
    return sensitive && dtype == Dtype::kInt8 ? Dtype::kBF16 : dtype;
  }
};

class WeightVisitor {
 public:
  virtual ~WeightVisitor() = default;
  virtual Status Table(const WeightName& name, TableKind kind, size_t rows, size_t columns,
                       EmbeddingTable& table) = 0;
  virtual Status Norm(const WeightName& name, size_t channels, LayerNormWeights& norm) = 0;
  // Of a norm that has no other parameter. weight: [channels]
  virtual Status RmsNorm(const WeightName& name, size_t channels, const float*& weight) = 0;
  virtual Status Product(const ProductSpec& spec, Linear& linear) = 0;
};

}  // namespace minnow
