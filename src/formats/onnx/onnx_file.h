// SPDX-License-Identifier: Apache-2.0
// OnnxFile: the graph and the constant tensors of an ONNX file.
//
// Format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto and
// https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
// Everything in the file is untrusted. What is given out was checked: a tensor's type, shape and
// bytes fit each other. Names and most data are views of the mapped file; only numbers that the
// file holds as varints are decoded, and their number is bounded by the file's size. Graphs inside
// nodes (If, Loop) are not entered. Const after opening; may be used from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "formats/tensor_source.h"

namespace minnow {

struct OnnxExternalData;

// An attribute of a node: the one field that its type says is set.
struct OnnxAttribute {
  std::string_view name;
  uint64_t type = 0;  // AttributeProto.AttributeType; 0: the file does not say
  int64_t i = 0;
  float f = 0.0f;
  std::string_view text;
  size_t floats = 0;                  // how many
  std::vector<int64_t> ints;          // at most 64
  std::span<const std::byte> tensor;  // a TensorProto
};

struct OnnxNode {
  std::string_view name;                  // may be empty
  std::string_view op;                    // "MatMul"
  std::string_view domain;                // empty: ai.onnx's own operators
  std::vector<std::string_view> inputs;   // names of values; empty: an optional input left out
  std::vector<std::string_view> outputs;  // likewise
  std::vector<OnnxAttribute> attributes;  // those that this program asks for

  std::string_view input(size_t i) const { return i < inputs.size() ? inputs[i] : ""; }
  std::string_view output(size_t i) const { return i < outputs.size() ? outputs[i] : ""; }
  // nullptr where the node has no such attribute. REQUIRES: a name that onnx_file.cc keeps.
  const OnnxAttribute* Attribute(std::string_view attribute) const;
  int64_t Int(std::string_view attribute, int64_t fallback) const;
  float Float(std::string_view attribute, float fallback) const;
};

class OnnxFile {
 public:
  // Opens `path` and the external data that it names, which must lie in its folder or below. Fails
  // with kNotFound, kCorrupt or kUnsupported; the message names the file and what is wrong.
  static Result<std::unique_ptr<const OnnxFile>> Open(const std::string& path);
  static Result<std::unique_ptr<const OnnxFile>> FromMapped(MappedFile file);

  const std::string& path() const { return files_.front()->path(); }
  const std::vector<std::unique_ptr<MappedFile>>& files() const { return files_; }
  const std::string& producer() const { return producer_; }  // name and version
  int64_t ir_version() const { return ir_version_; }
  int64_t opset() const { return opset_; }  // of ai.onnx

  const std::vector<OnnxNode>& nodes() const { return nodes_; }  // each after what it needs
  // Names of the graph's inputs that are not tensors of the file.
  const std::vector<std::string_view>& inputs() const { return inputs_; }
  const std::vector<std::string_view>& outputs() const { return outputs_; }
  // Initialisers, and the values of Constant nodes, by the name of their value. Their shapes and
  // data are as the file has them: nothing is transposed or quantised.
  const std::map<std::string_view, TensorView>& tensors() const { return tensors_; }
  // nullptr where there is no such tensor.
  const TensorView* Find(std::string_view value) const;

 private:
  OnnxFile() = default;
  Status Parse();
  Status ParseModel(std::span<const std::byte>& graph);
  Status ParseGraph(std::span<const std::byte> graph);
  Status ParseNode(std::span<const std::byte> bytes);
  Status ParseAttribute(std::span<const std::byte> bytes, OnnxNode& node);
  Status ParseTensor(std::span<const std::byte> bytes, std::string_view name);
  void ParseValueName(std::span<const std::byte> bytes, std::vector<std::string_view>& names);
  Result<std::span<const std::byte>> ExternalData(const OnnxExternalData& external,
                                                  const MappedFile*& file);
  Error Wrong(Code code, const std::string& text) const;

  std::vector<std::unique_ptr<MappedFile>> files_;  // the file itself, then external data
  std::vector<std::vector<std::byte>> decoded_;     // of tensors that are not views
  std::map<std::string_view, TensorView> tensors_;
  std::vector<OnnxNode> nodes_;
  std::vector<std::string_view> inputs_;
  std::vector<std::string_view> outputs_;
  std::string producer_;
  int64_t ir_version_ = 0;
  int64_t opset_ = 0;
  size_t names_ = 0;          // of nodes' inputs and outputs so far
  size_t attributes_ = 0;     // kept so far
  size_t decoded_bytes_ = 0;  // of numbers of four bytes and more
};

}  // namespace minnow
