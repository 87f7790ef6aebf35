// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors file. The first byte says whether the rest is the file as it is, or a
// header's text with its length put before it and some data after it, so that mutations reach past
// the length check.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow;
  if (size < 2) return 0;
  std::string file(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] != 'f') {
    std::string length(8, '\0');
    for (size_t i = 0; i < length.size(); ++i)
      length[i] = static_cast<char>(uint64_t{file.size()} >> (8 * i));
    file = length + file + std::string(data[0], '\1');
  }
  const auto bytes = std::as_bytes(std::span(file));
  const auto header = ParseSafetensorsHeader(bytes, "m");
  if (!header.ok()) {
    CHECK(header.error().message.starts_with("m: "));
    return 0;
  }
  size_t covered = 0;
  uint64_t sum = 0;
  for (const SafetensorsEntry& entry : header->tensors) {
    CHECK(entry.begin <= entry.end && entry.end <= file.size());
    uint64_t elements = 1;
    for (const int64_t dimension : entry.shape) {
      CHECK(dimension >= 0);
      elements *= static_cast<uint64_t>(dimension);
    }
    CHECK(elements * TensorTypeBytes(entry.type) == entry.end - entry.begin);
    covered += entry.end - entry.begin;
    for (const std::byte byte : bytes.subspan(entry.begin, entry.end - entry.begin))
      sum += static_cast<uint64_t>(byte);
  }
  // In an accepted file every byte after the header belongs to one tensor.
  if (header->problems.empty()) {
    CHECK(covered < file.size() && sum <= 255 * covered);
    size_t at = header->tensors.empty() ? file.size() : header->tensors.front().begin;
    for (const SafetensorsEntry& entry : header->tensors) {
      CHECK(entry.begin == at);
      at = entry.end;
    }
    CHECK(at == file.size());
  }
  for (const Error& problem : header->problems) CHECK(problem.message.starts_with("m: "));
  return 0;
}
