// SPDX-License-Identifier: Apache-2.0
// StringDictionary: each distinct string once, named by a code 1, 2, 3, ...
//
// One writer, with nobody beside it; or any number of readers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace minnow {

class StringDictionary {
 public:
  static constexpr uint32_t kNone = 0;

  // The code of `text`, which is added if it is new.
  uint32_t Add(std::string_view text);
  // kNone where there is no such string.
  uint32_t Find(std::string_view text) const;
  // REQUIRES: 1 <= code <= size()
  std::string_view Text(uint32_t code) const {
    return std::string_view(bytes_).substr(ends_[code - 1], ends_[code] - ends_[code - 1]);
  }
  size_t size() const { return ends_.size() - 1; }
  size_t bytes() const { return bytes_.size(); }

  // A byte for each code 0..size(): 1 where low <= string < high (bytes compared as unsigned); an
  // empty `high` with `bounded_above` false is no limit. O(log n + matches), but for strings that
  // are new since the order was last made.
  void MarkRange(std::string_view low, std::string_view high, bool bounded_above,
                 std::vector<uint8_t>& marks) const;

 private:
  // Codes 1..ordered in the order of their strings.
  using Order = std::vector<uint32_t>;
  std::shared_ptr<const Order> CurrentOrder() const;
  void Rehash(size_t slots);

  std::string bytes_;
  std::vector<uint64_t> ends_ = {0};
  std::vector<uint32_t> slots_;  // open addressing: codes, kNone where free
  mutable std::mutex order_mutex_;
  mutable std::shared_ptr<const Order> order_;
};

}  // namespace minnow
