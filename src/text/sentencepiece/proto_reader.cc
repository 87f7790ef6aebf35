// SPDX-License-Identifier: Apache-2.0
// ProtoReader: tags, varints and lengths.
#include "text/sentencepiece/proto_reader.h"

#include <bit>

namespace minnow {

float ProtoField::Float() const { return std::bit_cast<float>(static_cast<uint32_t>(value)); }

bool ProtoReader::Next(ProtoField& field) {
  if (rest_.empty() || failed_) return false;
  failed_ = !ReadField(field);
  return !failed_;
}

bool ProtoReader::ReadField(ProtoField& field) {
  enum WireType : uint64_t { kVarint = 0, kI64 = 1, kLen = 2, kI32 = 5 };
  uint64_t tag = 0;
  if (!ReadVarint(tag) || tag >> 3 == 0 || tag >> 32 != 0) return false;
  field.number = static_cast<uint32_t>(tag >> 3);
  switch (tag & 7) {
    case kVarint:
      field.kind = ProtoField::Kind::kVarint;
      return ReadVarint(field.value);
    case kI64:
      field.kind = ProtoField::Kind::kFixed64;
      return ReadFixed(8, field.value);
    case kI32:
      field.kind = ProtoField::Kind::kFixed32;
      return ReadFixed(4, field.value);
    case kLen: {
      field.kind = ProtoField::Kind::kBytes;
      uint64_t size = 0;
      if (!ReadVarint(size) || size > rest_.size()) return false;
      field.bytes = rest_.substr(0, static_cast<size_t>(size));
      rest_.remove_prefix(static_cast<size_t>(size));
      return true;
    }
    default:
      return false;  // groups, which nothing writes any more
  }
}

bool ProtoReader::ReadVarint(uint64_t& value) {
  constexpr size_t kMaxBytes = 10;
  value = 0;
  for (size_t i = 0; i < kMaxBytes && i < rest_.size(); ++i) {
    const auto byte = static_cast<unsigned char>(rest_[i]);
    value |= uint64_t{byte & 0x7Fu} << 7 * i;
    if (byte >= 0x80) continue;
    rest_.remove_prefix(i + 1);
    return true;
  }
  return false;
}

bool ProtoReader::ReadFixed(size_t bytes, uint64_t& value) {
  if (rest_.size() < bytes) return false;
  value = 0;
  for (size_t i = 0; i < bytes; ++i)
    value |= uint64_t{static_cast<unsigned char>(rest_[i])} << 8 * i;
  rest_.remove_prefix(bytes);
  return true;
}

}  // namespace minnow
