// SPDX-License-Identifier: Apache-2.0
// ProtoReader: the fields of one protobuf message, in the order of the file
// (https://protobuf.dev/programming-guides/encoding). Borrows the bytes; any bytes are safe.
#pragma once

#include <cstdint>
#include <string_view>

namespace minnow {

struct ProtoField {
  uint32_t number = 0;
  // What the field holds; only that one is set.
  enum class Kind { kVarint, kFixed64, kBytes, kFixed32 } kind = Kind::kVarint;
  uint64_t value = 0;      // of kVarint, kFixed64, kFixed32
  std::string_view bytes;  // of kBytes: a text or a message

  float Float() const;  // REQUIRES: kFixed32
};

class ProtoReader {
 public:
  explicit ProtoReader(std::string_view bytes) : rest_(bytes) {}

  // The next field; false at the end, and where the bytes are no message (failed()).
  bool Next(ProtoField& field);
  bool failed() const { return failed_; }

 private:
  bool ReadVarint(uint64_t& value);
  bool ReadFixed(size_t bytes, uint64_t& value);
  bool ReadField(ProtoField& field);

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace minnow
