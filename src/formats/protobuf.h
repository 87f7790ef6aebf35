// SPDX-License-Identifier: Apache-2.0
// ProtoReader: the fields of one protobuf message, one after the other, as they lie in memory.
//
// Wire format: https://protobuf.dev/programming-guides/encoding/
// Nothing is copied, and nothing is entered by itself: a message inside a message is bytes, which
// whoever knows the schema gives to another reader. So nesting is as deep as the caller's code, and
// no input makes it deeper. Groups, which proto3 does not have, are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace minnow {

enum class ProtoType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct ProtoField {
  uint32_t number = 0;
  ProtoType type = ProtoType::kVarint;
  uint64_t value = 0;                // of numbers: the bits as they are
  std::span<const std::byte> bytes;  // of kBytes: a string, a message, or packed numbers

  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

// Takes a varint off the front of `bytes`; nullopt where they end too early or hold more than 64
// bits.
std::optional<uint64_t> TakeVarint(std::span<const std::byte>& bytes);

class ProtoReader {
 public:
  explicit ProtoReader(std::span<const std::byte> message) : left_(message) {}

  // The next field; nullopt at the end of the message, and where no further field can be made out.
  std::optional<ProtoField> Next();
  // Whether all that was asked for so far was sound.
  bool ok() const { return ok_; }

 private:
  // Reads what follows a tag; false where the message ends within it.
  bool ReadValue(ProtoField& field);
  bool TakeFixed(size_t count, uint64_t& value);

  std::span<const std::byte> left_;
  bool ok_ = true;
};

}  // namespace minnow
