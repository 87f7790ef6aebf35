// SPDX-License-Identifier: Apache-2.0
// Any bytes as an ONNX file: read, and understood as a small BERT; what is understood has tensors
// whose floats can be read.
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "fuzz/memory_file.h"
#include "models/onnx/onnx_source.h"
#include "models/registry.h"
#include "models/weights/tensor_floats.h"

namespace minnow {
namespace {

// As tests/fixtures/tiny_bert has it, but for one layer.
EncoderConfig SmallConfig() {
  EncoderConfig config;
  config.model_type = "bert";
  config.vocab_size = 12;
  config.hidden_size = 4;
  config.num_hidden_layers = 1;
  config.num_attention_heads = 2;
  config.intermediate_size = 8;
  config.max_position_embeddings = 6;
  config.type_vocab_size = 2;
  return config;
}

void Run(const std::string& path) {
  static const EncoderConfig config = SmallConfig();
  auto file = OnnxFile::Open(path);
  if (!file.ok()) {
    CHECK(!file.error().message.empty());
    return;
  }
  for (const auto& [name, tensor] : (*file)->tensors()) {
    CHECK(tensor.data.size() ==
          static_cast<size_t>(tensor.elements()) * TensorTypeBytes(tensor.type));
  }
  const auto source = OnnxSource::Make(std::move(*file), config, FamilyOf("bert"));
  if (!source.ok()) {
    CHECK(source.error().message.starts_with(path + ": "));
    return;
  }
  // Not more floats than the file has elements, several times over for shared ones.
  constexpr int64_t kMaxElements = 1 << 16;
  for (const auto& [name, tensor] : (*source)->tensors()) {
    if (tensor.elements() > kMaxElements) continue;
    std::vector<float> floats(static_cast<size_t>(tensor.elements()));
    (void)CopyFloats(tensor, floats.data());
  }
}

}  // namespace
}  // namespace minnow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const minnow::MemoryFile file;
  file.Fill(data, size);
  minnow::Run(file.path());
  return 0;
}
