// SPDX-License-Identifier: Apache-2.0
// OnnxGraph: who makes a value of an ONNX graph, and which values are constants.
//
// Borrows from the file. Filled by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "formats/onnx/onnx_file.h"

namespace minnow {

// A value that does not depend on the graph's inputs.
struct OnnxConstant {
  TensorView view;
  // view.scales are one for each column so far: only its transpose can be read.
  bool column_scales = false;

  // A matrix as its transpose: the data stay where they are.
  OnnxConstant Transposed() const;
};

class OnnxGraph {
 public:
  explicit OnnxGraph(const OnnxFile& file);

  const OnnxFile& file() const { return file_; }
  // The node that has the value as an output; nullptr for constants and the graph's inputs.
  const OnnxNode* Producer(std::string_view value) const;
  // The same, seen through nodes that change no number (Cast, Identity).
  const OnnxNode* ProducerBehindCasts(std::string_view value) const;

  // A tensor of the file, also behind Identity, Cast, Transpose of a matrix, and DequantizeLinear.
  // nullopt for any other value.
  std::optional<OnnxConstant> Constant(std::string_view value);
  // `tensor` with the scale and zero point of those names (the latter may be empty). nullopt where
  // they are not constants, or neither one number nor one for each row of [N, K].
  std::optional<TensorView> Quantised(TensorView tensor, std::string_view scale,
                                      std::string_view zero_point);

  // "model.onnx: node "name" (Op) was not understood: WHY".
  Error NotUnderstood(const OnnxNode& node, const std::string& why) const;

 private:
  std::optional<OnnxConstant> Dequantised(OnnxConstant constant, const OnnxNode& node);
  // The numbers of a constant, one or `rows`; nullptr where they cannot be read, or are too many.
  const std::vector<float>* Scales(std::string_view name, int64_t rows);
  const std::vector<int32_t>* ZeroPoints(std::string_view name, int64_t rows);
  // False where there is no room for as many more numbers.
  bool TakeNumbers(int64_t count);

  const OnnxFile& file_;
  std::vector<std::pair<std::string_view, const OnnxNode*>> producers_;  // by value
  // What scales and zero points are views of, by the names of their tensors.
  std::map<std::string_view, std::vector<float>> scales_;
  std::map<std::string_view, std::vector<int32_t>> zero_points_;
  int64_t numbers_ = 0;  // in both
};

}  // namespace minnow
