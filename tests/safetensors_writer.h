// SPDX-License-Identifier: Apache-2.0
// Writes safetensors files for tests.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "nn/weight_packing.h"

namespace minnow {

struct TestTensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};
using TestTensors = std::map<std::string, TestTensor>;

// halves: as F16 instead of F32.
inline void WriteSafetensors(const std::string& path, const TestTensors& tensors,
                             bool halves = false) {
  std::string header = "{", data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    for (const float value : tensor.values) {
      const uint16_t half = RoundToF16(value);
      halves ? data.append(reinterpret_cast<const char*>(&half), sizeof half)
             : data.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    std::string shape;
    for (const int64_t size : tensor.shape)
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    header += (header.size() > 1 ? "," : "") + ("\"" + name) + "\":{\"dtype\":\"" +
              (halves ? "F16" : "F32") + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  std::ofstream file(path, std::ios::binary);
  const uint64_t length = header.size();
  file.write(reinterpret_cast<const char*>(&length), sizeof length);
  file << header << data;
}

}  // namespace minnow
