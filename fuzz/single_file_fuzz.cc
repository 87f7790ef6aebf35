// SPDX-License-Identifier: Apache-2.0
// Any names and shapes as a single-file checkpoint of Stable Diffusion: configurations are inferred
// from them, and its tensors get the names of diffusers. A line of the input is one tensor:
// NAME:2,4,3,3
#include <cstdint>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string>

#include "base/check.h"
#include "fuzz/memory_file.h"
#include "models/diffusion/part.h"
#include "models/diffusion/single_file.h"
#include "models/unet/config.h"
#include "models/vae/config.h"

namespace minnow {
namespace {

constexpr uint64_t kMostElements = 1 << 12;

// A safetensors file of zeros, in bytes, whatever the tensors were.
std::string FileOf(const std::string& lines) {
  std::istringstream in(lines);
  std::string line, header = "{";
  std::set<std::string> seen;
  uint64_t end = 0;
  while (std::getline(in, line) && end < (kMostElements << 8)) {
    const size_t colon = line.find(':');
    const std::string name = line.substr(0, colon);
    if (colon == std::string::npos || name.find_first_of("\"\\") != std::string::npos) continue;
    if (!seen.insert(name).second) continue;
    std::string shape;
    uint64_t elements = 1;
    std::istringstream sizes(line.substr(colon + 1));
    for (std::string size; std::getline(sizes, size, ',');) {
      const uint64_t value = std::strtoul(size.c_str(), nullptr, 10) % kMostElements;
      if (elements * value > kMostElements) break;
      elements *= value;
      shape += (shape.empty() ? "" : ",") + std::to_string(value);
    }
    header += (header.size() > 1 ? ",\"" : "\"") + name + "\":{\"dtype\":\"U8\",\"shape\":[" +
              shape + "],\"data_offsets\":[" + std::to_string(end) + "," +
              std::to_string(end + elements) + "]}";
    end += elements;
  }
  header += "}";
  std::string length(8, '\0');
  for (size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>(uint64_t{header.size()} >> (8 * i));
  return length + header + std::string(end, '\0');
}

}  // namespace
}  // namespace minnow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow;
  static const MemoryFile file;
  const std::string bytes = FileOf(std::string(reinterpret_cast<const char*>(data), size));
  file.Fill(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const auto model = OpenSingleFile(file.path());
  if (!model.ok()) {
    CHECK(!model.error().message.empty());
    return 0;
  }
  CHECK(model->configs.size() == 4 && model->tensors.size() == 3);
  const auto unet = ParseUNetConfig(model->configs.find(kUNetPart)->second, "unet");
  const auto vae = ParseKlVaeConfig(model->configs.find(kVaePart)->second, "vae");
  CHECK(unet.ok() || unet.error().message.starts_with("unet: "));
  CHECK(vae.ok() || vae.error().message.starts_with("vae: "));
  return 0;
}
