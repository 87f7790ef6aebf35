// SPDX-License-Identifier: Apache-2.0
// Writes ONNX files for tests: as much of protobuf and onnx.proto as they need.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minnow {

// The fields of one protobuf message, in the order of the calls.
class ProtoWriter {
 public:
  ProtoWriter& Number(uint32_t field, uint64_t value) {
    Varint(uint64_t{field} << 3);
    Varint(value);
    return *this;
  }
  ProtoWriter& Bytes(uint32_t field, std::string_view bytes) {
    Varint(uint64_t{field} << 3 | 2);
    Varint(bytes.size());
    message_ += bytes;
    return *this;
  }
  ProtoWriter& Float(uint32_t field, float value) {
    Varint(uint64_t{field} << 3 | 5);
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int i = 0; i < 4; ++i) message_ += static_cast<char>(bits >> (8 * i));
    return *this;
  }
  const std::string& message() const { return message_; }

 private:
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) message_ += static_cast<char>(value | 0x80);
    message_ += static_cast<char>(value);
  }
  std::string message_;
};

inline constexpr uint64_t kOnnxFloat = 1, kOnnxInt8 = 3, kOnnxInt64 = 7, kOnnxFloat16 = 10,
                          kOnnxDouble = 11;

class OnnxWriter {
 public:
  using Names = std::vector<std::string>;

  // A TensorProto with raw_data.
  static std::string TensorBytes(std::string_view name, uint64_t type,
                                 const std::vector<int64_t>& dims, std::string_view raw) {
    ProtoWriter tensor;
    for (const int64_t dim : dims) tensor.Number(1, static_cast<uint64_t>(dim));
    return tensor.Number(2, type).Bytes(8, name).Bytes(9, raw).message();
  }
  static std::string Int(std::string_view name, int64_t value) {
    return ProtoWriter().Bytes(1, name).Number(3, static_cast<uint64_t>(value)).message();
  }
  static std::string Ints(std::string_view name, const std::vector<int64_t>& values) {
    ProtoWriter attribute;
    attribute.Bytes(1, name);
    for (const int64_t value : values) attribute.Number(8, static_cast<uint64_t>(value));
    return attribute.message();
  }
  static std::string Float(std::string_view name, float value) {
    return ProtoWriter().Bytes(1, name).Float(2, value).message();
  }

  void Initialiser(std::string_view tensor) { graph_.Bytes(5, tensor); }
  // `op`: "com.microsoft.Attention", or without a domain. `attributes`: of the functions above.
  // Returns the name of the output.
  std::string Node(const std::string& op, const Names& inputs, const std::string& name = "",
                   const Names& attributes = {}) {
    const size_t dot = op.rfind('.');
    ProtoWriter node;
    for (const std::string& input : inputs) node.Bytes(1, input);
    const std::string output = "value_" + std::to_string(values_++);
    node.Bytes(2, output).Bytes(3, name).Bytes(4, dot == op.npos ? op : op.substr(dot + 1));
    for (const std::string& attribute : attributes) node.Bytes(5, attribute);
    if (dot != op.npos) node.Bytes(7, op.substr(0, dot));
    graph_.Bytes(1, node.message());
    return output;
  }
  void RawNode(std::string_view node) { graph_.Bytes(1, node); }
  void Input(std::string_view name) { graph_.Bytes(11, ProtoWriter().Bytes(1, name).message()); }

  std::string File(int64_t opset = 17) const {
    return ProtoWriter()
        .Number(1, 8)
        .Bytes(2, "writer")
        .Bytes(7, graph_.message())
        .Bytes(8, ProtoWriter().Number(2, static_cast<uint64_t>(opset)).message())
        .message();
  }

 private:
  ProtoWriter graph_;
  int values_ = 0;
};

}  // namespace minnow
