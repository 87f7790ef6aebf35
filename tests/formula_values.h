// SPDX-License-Identifier: Apache-2.0
// Numbers that a formula gives for a name: weights and inputs that need not be stored. The other
// half is `values` in tools/make_diffusion_golden.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace minnow {

inline std::vector<float> FormulaValues(const std::string& name,
                                        const std::vector<int64_t>& shape) {
  uint64_t seed = 0xcbf29ce484222325;
  for (const char byte : name) seed = (seed ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  size_t count = 1, inner = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    count *= static_cast<size_t>(shape[i]);
    if (i > 0) inner *= static_cast<size_t>(shape[i]);
  }
  double scale = 0.2, mean = 1.0;
  if (name.starts_with("input.")) {
    scale = std::sqrt(3.0), mean = 0;
  } else if (shape.size() > 1) {
    scale = std::sqrt(3.0 / static_cast<double>(inner)), mean = 0;
  } else if (name.ends_with(".bias")) {
    scale = 0.1, mean = 0;
  }
  std::vector<float> out(count);
  for (size_t i = 0; i < count; ++i) {
    uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    const double uniform = static_cast<double>(z >> 40) * 0x1p-23 - 1.0;
    out[i] = static_cast<float>(mean + uniform * scale);
  }
  return out;
}

}  // namespace minnow
