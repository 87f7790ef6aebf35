// SPDX-License-Identifier: Apache-2.0
// Checks of a safetensors header, in the order in which the reference reader makes them.
#include "formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>

#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kHeaderLengthBytes = 8;
constexpr size_t kMaxHeaderBytes = 100'000'000;  // the reference reader's limit
constexpr size_t kMaxHeaderValues = 4'000'000;   // some 300,000 tensors
constexpr size_t kMaxHeaderDepth = 4;
constexpr size_t kMaxDimensions = 16;
constexpr std::string_view kLfsPointerStart = "version https://git-lfs.github.com/spec/";

Error Corrupt(const std::string& name, const std::string& text) {
  return Error{Code::kCorrupt, name + ": " + text};
}

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

uint64_t ReadLittleEndian64(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kHeaderLengthBytes; ++i)
    value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return value;
}

// The header's JSON text, once the file is known to have one.
Result<std::string_view> HeaderText(std::span<const std::byte> file, const std::string& name) {
  if (AsText(file).starts_with(kLfsPointerStart)) {
    return Corrupt(name, "is a Git LFS pointer, not the weights: fetch them with `git lfs pull`");
  }
  if (file.size() < kHeaderLengthBytes) {
    return Corrupt(name, std::to_string(file.size()) + " bytes: too short for a safetensors file");
  }
  const uint64_t length = ReadLittleEndian64(file);
  if (length > kMaxHeaderBytes) {
    return Corrupt(name, "header of " + std::to_string(length) + " bytes, limit " +
                             std::to_string(kMaxHeaderBytes) + ": not a safetensors file?");
  }
  if (length > file.size() - kHeaderLengthBytes) {
    return Corrupt(name, "header of " + std::to_string(length) + " bytes in a file of " +
                             std::to_string(file.size()) + ": the file was cut short");
  }
  const std::string_view text = AsText(file.subspan(kHeaderLengthBytes, length));
  if (!text.starts_with('{')) return Corrupt(name, "header does not start with {");
  return text;
}

Result<TensorType> ReadType(const JsonView& field) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, field.String());
  if (const auto type = FindTensorType(text)) return *type;
  return field.Wrong(Code::kUnsupported,
                     "tensor type " + QuoteForMessage(text) + " is not supported");
}

Result<std::vector<int64_t>> ReadShape(const JsonView& field) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView array, field.Array());
  if (array.size() > kMaxDimensions) {
    return field.Wrong(std::to_string(array.size()) + " dimensions, limit " +
                       std::to_string(kMaxDimensions));
  }
  std::vector<int64_t> shape;
  for (const JsonView size : array.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t value, size.Int(0, std::numeric_limits<int64_t>::max()));
    shape.push_back(value);
  }
  return shape;
}

// Bytes of a tensor, or nullopt where they do not fit 63 bits.
std::optional<int64_t> ByteCount(const std::vector<int64_t>& shape, TensorType type) {
  int64_t bytes = static_cast<int64_t>(TensorTypeBytes(type));
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  }
  return bytes;
}

// Offsets count from the end of the header at `data_begin`.
Result<SafetensorsEntry> ReadEntry(std::string_view name, const JsonView& value, size_t data_begin,
                                   size_t file_bytes) {
  SafetensorsEntry entry;
  entry.name = name;
  MINNOW_ASSIGN_OR_RETURN(const JsonView type, value.Get("dtype"));
  MINNOW_ASSIGN_OR_RETURN(entry.type, ReadType(type));
  MINNOW_ASSIGN_OR_RETURN(const JsonView shape, value.Get("shape"));
  MINNOW_ASSIGN_OR_RETURN(entry.shape, ReadShape(shape));
  const auto expected_bytes = ByteCount(entry.shape, entry.type);
  if (!expected_bytes) return shape.Wrong("the product of the sizes overflows");

  MINNOW_ASSIGN_OR_RETURN(const JsonView field, value.Get("data_offsets"));
  MINNOW_ASSIGN_OR_RETURN(const JsonView offsets, field.Array());
  if (offsets.size() != 2) return offsets.Expected("[begin, end]");
  const auto data_bytes = static_cast<int64_t>(file_bytes - data_begin);
  MINNOW_ASSIGN_OR_RETURN(const int64_t begin, offsets.at(0).Int(0, data_bytes));
  MINNOW_ASSIGN_OR_RETURN(const int64_t end, offsets.at(1).Int(begin, data_bytes));
  if (end - begin != *expected_bytes) {
    return value.Wrong(std::to_string(end - begin) +
                       " bytes in data_offsets, but shape and dtype need " +
                       std::to_string(*expected_bytes));
  }
  entry.begin = data_begin + static_cast<size_t>(begin);
  entry.end = data_begin + static_cast<size_t>(end);
  return entry;
}

Status ReadMetadata(const JsonView& value, SafetensorsHeader& header) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView object, value.Object());
  for (size_t i = 0; i < object.size(); ++i) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, object.at(i).String());
    header.metadata.emplace(object.key(i), text);
  }
  return {};
}

// Tensors must cover the data once, end to end.
void CheckCoverage(SafetensorsHeader& header, size_t data_begin, size_t file_bytes,
                   const std::string& name) {
  size_t at = data_begin;
  for (const SafetensorsEntry& entry : header.tensors) {
    if (entry.begin != at) {
      const char* what =
          entry.begin < at ? " overlaps the tensor before it" : " leaves a hole before it";
      header.problems.push_back(Corrupt(name, "tensor " + QuoteForMessage(entry.name) + what));
    }
    at = std::max(at, entry.end);
  }
  if (at != file_bytes) {
    header.problems.push_back(
        Corrupt(name, std::to_string(file_bytes - at) + " bytes after the last tensor"));
  }
}

// Bytes of the data by the header's own account; of a file that was cut off more than there are.
int64_t ToldDataBytes(const JsonView& root) {
  int64_t told = 0;
  for (const JsonView entry : root.Items()) {
    const auto offsets = entry.Find("data_offsets");
    if (!offsets || !offsets->is_array() || offsets->size() != 2) continue;
    const auto end = offsets->at(1).Int(0, std::numeric_limits<int64_t>::max());
    if (end.ok()) told = std::max(told, *end);
  }
  return told;
}

}  // namespace

Result<SafetensorsHeader> ParseSafetensorsHeader(std::span<const std::byte> file,
                                                 const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, HeaderText(file, name));
  JsonLimits limits;
  limits.max_bytes = kMaxHeaderBytes;
  limits.max_depth = kMaxHeaderDepth;
  limits.max_values = kMaxHeaderValues;
  limits.unique_names = true;
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          JsonDocument::Parse(text, name + ": header", limits));
  const JsonView root = document.root();

  SafetensorsHeader header;
  header.tensors.reserve(root.size());
  const size_t data_begin = kHeaderLengthBytes + text.size();
  const size_t told_bytes =
      std::max(file.size(), data_begin + static_cast<size_t>(ToldDataBytes(root)));
  if (told_bytes > file.size()) {
    header.problems.push_back(Corrupt(name, "is cut off: " + std::to_string(file.size()) +
                                                " bytes of " + std::to_string(told_bytes) +
                                                "; copy or download it again"));
  }
  for (size_t i = 0; i < root.size(); ++i) {
    if (root.key(i) == "__metadata__") {
      MINNOW_RETURN_IF_ERROR(ReadMetadata(root.at(i), header));
      continue;
    }
    auto entry = ReadEntry(root.key(i), root.at(i), data_begin, told_bytes);
    if (!entry.ok()) {
      header.problems.push_back(std::move(entry).error());
    } else if (entry->end <= file.size()) {
      header.tensors.push_back(std::move(entry).value());
    }
  }
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  // A tensor that could not be read leaves a hole of its own, which is not worth a second message.
  if (header.problems.empty()) CheckCoverage(header, data_begin, file.size(), name);
  return header;
}

}  // namespace minnow
