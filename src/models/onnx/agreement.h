// SPDX-License-Identifier: Apache-2.0
// What a graph computes besides its weights, compared with what config.json says: only the latter
// is computed here.
#pragma once

#include "base/result.h"
#include "models/bert/config.h"
#include "models/bert/family.h"
#include "models/onnx/naming.h"
#include "models/onnx/pieces.h"

namespace minnow {

// Fails with kUnsupported, naming the node, where heads, scale or direction of attention, epsilon
// of a LayerNorm, or the activation between the products of a layer are not those of `config`. Of
// what an exporter has written out in small operators, only the activation is looked at.
Status CheckAgreement(const OnnxGraph& graph, const OnnxPieces& pieces, const OnnxStems& stems,
                      const EncoderConfig& config, const EncoderFamily& family);

}  // namespace minnow
