// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file: names, types, shapes and places of tensors, all checked against
// the file's size.
//
// Format: https://github.com/huggingface/safetensors#format. As strict as the reference reader: no
// holes, no overlaps, no bytes after the last tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/tensor_source.h"

namespace minnow {

struct SafetensorsEntry {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;  // every size >= 0; their product and its bytes do not overflow
  size_t begin = 0;            // from the start of the file
  size_t end = 0;  // begin <= end <= size of the file; end - begin is what shape and type say
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry>
      tensors;  // in the order of their bytes; only those without a problem
  std::map<std::string, std::string, std::less<>> metadata;
  // What is wrong with single tensors. A file with any is refused; a report shows them all.
  std::vector<Error> problems;
};

// Reads the header of a file whose bytes are `file`; `name` stands for it in messages. Only the
// header is touched. Fails where no header can be made out: kCorrupt, or kUnsupported.
Result<SafetensorsHeader> ParseSafetensorsHeader(std::span<const std::byte> file,
                                                 const std::string& name);

}  // namespace minnow
