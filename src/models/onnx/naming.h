// SPDX-License-Identifier: Apache-2.0
// From the pieces of a graph to the tensors' names that a checkpoint of the same family has.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/tensor_source.h"
#include "models/bert/config.h"
#include "models/bert/family.h"
#include "models/onnx/pieces.h"

namespace minnow {

// What a piece is in the model: the checkpoint's name without .weight and .bias, without the prefix
// of a model with a head. Empty: nothing of the encoder, and not its head either.
using OnnxStems = std::vector<std::string>;

// Of the products of the head, in the order of computing.
std::vector<std::string_view> HeadStems(const EncoderConfig& config, const EncoderFamily& family);
// Whether the graph is that of a masked language model, whose head comes after the encoder.
bool IsMasked(const EncoderConfig& config);

// By the names that the exporter left in initialisers and nodes: of a product, those of its bias,
// its weight, or its node's scope; fused attention counts as the layers' in order. Empty where the
// encoder is not named in full.
OnnxStems StemsByName(const OnnxPieces& pieces, const EncoderConfig& config,
                      const EncoderFamily& family);

// By the order of computing: tables by what chooses their rows, LayerNorms two a layer, products
// by their place between them, and query, key and value by the way from them to the softmax. Fails
// with kUnsupported, naming the first node that does not fit.
Result<OnnxStems> StemsByStructure(const OnnxGraph& graph, const OnnxPieces& pieces,
                                   const EncoderConfig& config, const EncoderFamily& family);

// Tensors by their names in a checkpoint. Fails with kUnsupported for fused attention that does not
// fit the configuration, for a piece that the encoder's outputs depend on and that has no name,
// and, for a model with a head, for one after it.
Result<std::map<std::string, TensorView, std::less<>>> NameTensors(const OnnxGraph& graph,
                                                                   const OnnxPieces& pieces,
                                                                   const OnnxStems& stems,
                                                                   const EncoderConfig& config,
                                                                   const EncoderFamily& family);

}  // namespace minnow
