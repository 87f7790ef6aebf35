// SPDX-License-Identifier: Apache-2.0
// Writing and opening packed files.
#include "formats/packed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/check.h"
#include "formats/atomic_file.h"
#include "formats/json.h"
#include "formats/packed_header.h"
#include "formats/xxh64.h"

namespace minnow {
namespace {

constexpr size_t kChecksumDigits = 16;
constexpr size_t kLengthBytes = 8;
constexpr std::string_view kNoDigits = "0000000000000000";
constexpr const char* kPadName = "_pad.";

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

size_t PaddingAfter(size_t bytes) {
  return (PackedFile::kAlignment - bytes % PackedFile::kAlignment) % PackedFile::kAlignment;
}

std::string Hexadecimal(uint64_t value) {
  char text[kChecksumDigits + 1];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// The place of the checksum's digits in a header; npos where there is none.
size_t ChecksumPlace(std::string_view header) {
  const std::string key = "\"" + std::string(kPackedChecksumKey) + "\":\"" + kPackedChecksumName;
  const size_t at = header.find(key);
  return at == header.npos || header.size() - at - key.size() < kChecksumDigits ? header.npos
                                                                                : at + key.size();
}

void WriteEntry(JsonWriter& json, const std::string& name, TensorType type,
                std::span<const int64_t> shape, size_t begin, size_t end) {
  json.Key(name);
  json.BeginObject();
  json.Key("dtype");
  json.String(TensorTypeName(type));
  json.Key("shape");
  json.BeginArray();
  for (const int64_t size : shape) json.Int(size);
  json.EndArray();
  json.Key("data_offsets");
  json.BeginArray();
  json.Uint(begin);
  json.Uint(end);
  json.EndArray();
  json.EndObject();
}

// The file up to its data, with zeros for the checksum.
std::string HeaderBytes(const PackedHeader& header, std::span<const PackedTensor> tensors) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("__metadata__");
  json.BeginObject();
  json.Key(kPackedChecksumKey);
  json.String(std::string(kPackedChecksumName) + std::string(kNoDigits));
  for (const auto& [key, value] : PackedMetadata(header)) {
    json.Key(key);
    json.String(value);
  }
  json.EndObject();
  size_t at = 0;
  size_t pads = 0;
  for (const PackedTensor& tensor : tensors) {
    WriteEntry(json, tensor.name, tensor.type, tensor.shape, at, at + tensor.data.size());
    at += tensor.data.size();
    if (const auto padding = static_cast<int64_t>(PaddingAfter(at)); padding > 0) {
      WriteEntry(json, kPadName + std::to_string(pads++), TensorType::kU8, {&padding, 1}, at,
                 at + static_cast<size_t>(padding));
      at += static_cast<size_t>(padding);
    }
  }
  json.EndObject();
  text.append(PaddingAfter(kLengthBytes + text.size()), ' ');
  std::string length(kLengthBytes, '\0');
  for (size_t i = 0; i < kLengthBytes; ++i)
    length[i] = static_cast<char>(static_cast<uint64_t>(text.size()) >> (8 * i));
  return length + text;
}

// Calls `use` for the data of the tensors and what stands between them.
template <class Use>
Status ForEachPiece(std::span<const PackedTensor> tensors, const Use& use) {
  constexpr std::byte kZeros[PackedFile::kAlignment] = {};
  for (const PackedTensor& tensor : tensors) {
    MINNOW_RETURN_IF_ERROR(use(tensor.data));
    MINNOW_RETURN_IF_ERROR(use(std::span(kZeros).first(PaddingAfter(tensor.data.size()))));
  }
  return {};
}

}  // namespace

Status WritePacked(const PackedHeader& header, std::span<const PackedTensor> tensors,
                   const std::string& path) {
  std::string head = HeaderBytes(header, tensors);
  const size_t digits = ChecksumPlace(head);
  CHECK(digits != std::string::npos);
  Xxh64 checksum;
  checksum.Update(Bytes(head));
  MINNOW_RETURN_IF_ERROR(ForEachPiece(tensors, [&](std::span<const std::byte> bytes) {
    checksum.Update(bytes);
    return Status();
  }));
  head.replace(digits, kChecksumDigits, Hexadecimal(checksum.Digest()));

  MINNOW_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  MINNOW_RETURN_IF_ERROR(file.Write(Bytes(head)));
  MINNOW_RETURN_IF_ERROR(
      ForEachPiece(tensors, [&](std::span<const std::byte> bytes) { return file.Write(bytes); }));
  return file.Commit();
}

Result<std::shared_ptr<const PackedFile>> PackedFile::Open(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  return FromMapped(std::move(file));
}

Result<std::shared_ptr<const PackedFile>> PackedFile::FromMapped(MappedFile file) {
  const std::shared_ptr<PackedFile> packed(new PackedFile());
  MINNOW_ASSIGN_OR_RETURN(packed->checkpoint_, Checkpoint::FromMapped(std::move(file)));
  MINNOW_ASSIGN_OR_RETURN(packed->header_,
                          ReadPackedMetadata(packed->checkpoint_.metadata(), packed->path()));
  return std::shared_ptr<const PackedFile>(packed);
}

std::string PackedFile::Prefix(std::string_view component) const {
  return header_.version >= 3 ? std::string(component) + "." : "";
}

Result<const TensorView*> PackedFile::Get(const std::string& name, TensorType type,
                                          std::span<const int64_t> shape) const {
  MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, Get(name, shape));
  const auto wrong = [&](const std::string& what) {
    return Error{Code::kCorrupt, path() + ": tensor " + QuoteForMessage(name) + ": " + what};
  };
  if (tensor->type != type) {
    return wrong(std::string("type ") + TensorTypeName(tensor->type) + ", expected " +
                 TensorTypeName(type));
  }
  const size_t at = static_cast<size_t>(tensor->data.data() - mapped().bytes().data());
  if (at % kAlignment != 0)
    return wrong("starts at byte " + std::to_string(at) + ", not a multiple of " +
                 std::to_string(kAlignment));
  return tensor;
}

Status PackedFile::Verify() const {
  const std::span<const std::byte> bytes = mapped().bytes();
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), kLengthBytes + length);
  const size_t digits = ChecksumPlace(head);
  if (digits == head.npos)
    return Error{Code::kCorrupt, path() + ": " + kPackedChecksumKey + ": no checksum"};
  Xxh64 checksum;
  checksum.Update(bytes.first(digits));
  checksum.Update(Bytes(kNoDigits));
  checksum.Update(bytes.subspan(digits + kChecksumDigits));
  const std::string found = Hexadecimal(checksum.Digest());
  const std::string_view expected = head.substr(digits, kChecksumDigits);
  if (found == expected) return {};
  return Error{Code::kCorrupt, path() + ": checksum is " + found + ", but the file says " +
                                   QuoteForMessage(expected) + ": it is damaged"};
}

}  // namespace minnow
