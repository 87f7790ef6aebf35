// SPDX-License-Identifier: Apache-2.0
// DiffusionReport: what minnow inspect tells of a model that makes pictures.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "models/source.h"

namespace minnow {

struct DiffusionReport {
  struct Part {
    std::string name;         // "text_encoder", "unet", "vae"
    std::string description;  // "12 layers of 768, 77 tokens"
    size_t parameters = 0;
    size_t bytes = 0;  // in memory, or mapped of a packed file; tables are used in their file
    size_t bf16_products = 0;  // of an int8 model: which lose too much by 8 bits
  };

  std::vector<Part> parts;
  std::string dtype;
  std::string sampler;     // "PLMS"
  std::string prediction;  // "epsilon"
  bool inpaints = false;   // it needs a mask
  size_t size = 0;         // a side of the pictures that it was trained with
  size_t multiple = 0;     // of which sides are multiples
  // Planned for a picture of kPlannedSide on each side, beside the weights.
  size_t memory_bytes = 0;

  static constexpr uint32_t kPlannedSide = 512;
  size_t parameters() const;
  size_t bytes() const;
};

// Loads the model. REQUIRES: source.kind() is kTextToImage
Result<DiffusionReport> ExamineDiffusion(const ModelSource& source);

void WriteDiffusion(JsonWriter& json, const DiffusionReport& report);

}  // namespace minnow
