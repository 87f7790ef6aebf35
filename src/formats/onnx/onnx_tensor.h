// SPDX-License-Identifier: Apache-2.0
// One TensorProto: its head, and the place or the decoded form of its data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/tensor_source.h"

namespace minnow {

// Where data lie that are not in the file itself.
struct OnnxExternalData {
  std::string_view location;  // a path, relative to the model's folder
  uint64_t offset = 0;
  std::optional<uint64_t> length;  // nullopt: to the end of that file
};

struct OnnxTensorHead {
  std::string_view name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;  // every size >= 0
  size_t elements = 0;
  size_t bytes = 0;  // that shape and type need; neither product overflows
  std::optional<std::span<const std::byte>> raw;
  std::optional<OnnxExternalData> external;
};

// Messages start with the tensor's name. Fails with kCorrupt, or kUnsupported for a type that has
// no TensorType.
Result<OnnxTensorHead> ParseOnnxTensorHead(std::span<const std::byte> message);

// Data that stand in a field of their type (float_data, int32_data, ...), little-endian.
struct OnnxTypedData {
  std::span<const std::byte> view;  // of the message, where it holds them as they are needed
  std::vector<std::byte> decoded;   // else
};
// `head` is of the same message. Decodes at most twice the message's bytes, or `room` bytes of
// elements that are wider than their varints may be: more is kUnsupported.
Result<OnnxTypedData> ReadOnnxTypedData(std::span<const std::byte> message,
                                        const OnnxTensorHead& head, size_t room);

}  // namespace minnow
