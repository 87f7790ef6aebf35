// SPDX-License-Identifier: Apache-2.0
// Names first, structure second.
#include "models/onnx/onnx_source.h"

#include <utility>

#include "models/onnx/agreement.h"
#include "models/onnx/naming.h"
#include "models/onnx/pieces.h"

namespace minnow {

Result<std::shared_ptr<const OnnxSource>> OnnxSource::Make(std::unique_ptr<const OnnxFile> file,
                                                           const EncoderConfig& config,
                                                           const EncoderFamily& family) {
  std::shared_ptr<OnnxSource> source(new OnnxSource(std::move(file)));
  OnnxGraph& graph = source->graph_;
  MINNOW_ASSIGN_OR_RETURN(const OnnxPieces pieces, ReadOnnxPieces(graph));
  OnnxStems stems = StemsByName(pieces, config, family);
  if (stems.empty()) {
    source->understood_by_ = "structure";
    MINNOW_ASSIGN_OR_RETURN(stems, StemsByStructure(graph, pieces, config, family));
  }
  MINNOW_ASSIGN_OR_RETURN(source->tensors_, NameTensors(graph, pieces, stems, config, family));
  MINNOW_RETURN_IF_ERROR(CheckAgreement(graph, pieces, stems, config, family));
  return std::shared_ptr<const OnnxSource>(std::move(source));
}

const TensorView* OnnxSource::Find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

}  // namespace minnow
