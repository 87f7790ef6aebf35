// SPDX-License-Identifier: Apache-2.0
// Tags, varints and lengths, each checked against what is left.
#include "formats/protobuf.h"

namespace minnow {
namespace {

constexpr int kVarintBits = 7;
constexpr int kMaxVarintBytes = 10;  // 64 bits by seven
constexpr int kTypeBits = 3;
constexpr uint64_t kMaxFieldNumber = (uint64_t{1} << 29) - 1;

}  // namespace

std::optional<uint64_t> TakeVarint(std::span<const std::byte>& bytes) {
  uint64_t value = 0;
  for (int i = 0; i < kMaxVarintBytes && static_cast<size_t>(i) < bytes.size(); ++i) {
    const auto byte = static_cast<uint64_t>(bytes[i]);
    if (i == kMaxVarintBytes - 1 && byte > 1) return std::nullopt;  // a 65th bit
    value |= (byte & 0x7f) << (kVarintBits * i);
    if (byte < 0x80) {
      bytes = bytes.subspan(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

bool ProtoReader::TakeFixed(size_t count, uint64_t& value) {
  if (left_.size() < count) return false;
  for (size_t i = 0; i < count; ++i) value |= static_cast<uint64_t>(left_[i]) << (8 * i);
  left_ = left_.subspan(count);
  return true;
}

bool ProtoReader::ReadValue(ProtoField& field) {
  switch (field.type) {
    case ProtoType::kVarint: {
      const auto value = TakeVarint(left_);
      if (value) field.value = *value;
      return value.has_value();
    }
    case ProtoType::kFixed64:
      return TakeFixed(8, field.value);
    case ProtoType::kFixed32:
      return TakeFixed(4, field.value);
    case ProtoType::kBytes: {
      const auto size = TakeVarint(left_);
      if (!size || *size > left_.size()) return false;
      field.bytes = left_.first(*size);
      left_ = left_.subspan(*size);
      return true;
    }
  }
  return false;  // a group, or a type that does not exist
}

std::optional<ProtoField> ProtoReader::Next() {
  if (!ok_ || left_.empty()) return std::nullopt;
  const auto tag = TakeVarint(left_);
  ProtoField field;
  ok_ = tag && (*tag >> kTypeBits) >= 1 && (*tag >> kTypeBits) <= kMaxFieldNumber;
  if (ok_) {
    field.number = static_cast<uint32_t>(*tag >> kTypeBits);
    field.type = static_cast<ProtoType>(*tag & ((1 << kTypeBits) - 1));
    ok_ = ReadValue(field);
  }
  if (!ok_) return std::nullopt;
  return field;
}

}  // namespace minnow
