// SPDX-License-Identifier: Apache-2.0
// OnnxSource: the weights of an encoder in an ONNX file, under the names that a checkpoint of its
// family has (models/bert/family.h). The graph is read for its weights; it is not what is run.
//
// docs/decisions/0063-onnx-by-names-then-structure.md
// Const after opening; may be used from any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/onnx/onnx_file.h"
#include "formats/tensor_source.h"
#include "models/bert/config.h"
#include "models/bert/family.h"
#include "models/onnx/graph.h"

namespace minnow {

class OnnxSource : public TensorSource {
 public:
  // Understands the graph of `file` as an encoder with that configuration. Fails with kUnsupported,
  // naming the first node that was not understood. Whether all weights are there, in their shapes,
  // is for the loader to see.
  static Result<std::shared_ptr<const OnnxSource>> Make(std::unique_ptr<const OnnxFile> file,
                                                        const EncoderConfig& config,
                                                        const EncoderFamily& family);

  std::string name() const override { return file_->path(); }
  const TensorView* Find(std::string_view name) const override;

  const OnnxFile& file() const { return *file_; }
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  // For people: "names" or "structure", whichever told what each weight is.
  const char* understood_by() const { return understood_by_; }

 private:
  explicit OnnxSource(std::unique_ptr<const OnnxFile> file)
      : file_(std::move(file)), graph_(*file_) {}

  std::unique_ptr<const OnnxFile> file_;
  OnnxGraph graph_;  // owns scales and zero points
  std::map<std::string, TensorView, std::less<>> tensors_;
  const char* understood_by_ = "names";
};

}  // namespace minnow
