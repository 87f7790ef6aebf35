// SPDX-License-Identifier: Apache-2.0
// Bitmap: one bit for each of n ordinals, in words of 64. One thread at a time, unless all read.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace minnow {

class Bitmap {
 public:
  static constexpr size_t kWordBits = 64;

  Bitmap() = default;
  explicit Bitmap(size_t bits) : bits_(bits), words_((bits + kWordBits - 1) / kWordBits) {}

  size_t size() const { return bits_; }
  // Bits beyond size() in the last word are 0.
  const std::vector<uint64_t>& words() const { return words_; }

  // False beyond size().
  bool Get(size_t i) const {
    return i < bits_ && (words_[i / kWordBits] >> (i % kWordBits) & 1) != 0;
  }
  // REQUIRES: i < size()
  void Set(size_t i) { words_[i / kWordBits] |= uint64_t{1} << (i % kWordBits); }
  void Clear(size_t i) { words_[i / kWordBits] &= ~(uint64_t{1} << (i % kWordBits)); }

  // New bits are 0.
  void Resize(size_t bits) {
    words_.resize((bits + kWordBits - 1) / kWordBits);
    bits_ = bits;
    ClearTail();
  }

  void Not() {
    for (uint64_t& word : words_) word = ~word;
    ClearTail();
  }
  // Bits that `other` does not have count as 0.
  void And(const Bitmap& other) {
    for (size_t i = 0; i < words_.size(); ++i) {
      words_[i] &= i < other.words_.size() ? other.words_[i] : 0;
    }
  }
  // REQUIRES: other.size() <= size()
  void Or(const Bitmap& other) {
    for (size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
  }

  // Adds bit i where holds(i), for i below `end` <= size().
  template <class Predicate>
  void OrWhere(size_t end, const Predicate& holds) {
    size_t i = 0;
    for (; i + kWordBits <= end; i += kWordBits) {
      // Bytes first: compilers make vector code of this, and not of shifts.
      uint8_t bytes[kWordBits];
      for (size_t j = 0; j < kWordBits; ++j) bytes[j] = holds(i + j) ? 1 : 0;
      words_[i / kWordBits] |= Pack(bytes);
    }
    for (; i < end; ++i) {
      if (holds(i)) Set(i);
    }
  }

  size_t Count() const {
    size_t count = 0;
    for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
    return count;
  }

  // Calls visit(i) for each bit that is set, in order.
  template <class Visit>
  void ForEach(const Visit& visit) const {
    for (size_t w = 0; w < words_.size(); ++w) {
      for (uint64_t word = words_[w]; word != 0; word &= word - 1) {
        visit(w * kWordBits + static_cast<size_t>(std::countr_zero(word)));
      }
    }
  }

 private:
  // The lowest bits of 64 bytes of 0 or 1.
  static uint64_t Pack(const uint8_t bytes[kWordBits]) {
    // Moves bit 8k of a word to bit 56 + k: no two summands meet.
    constexpr uint64_t kGather = 0x0102040810204080u;
    uint64_t word = 0;
    for (size_t k = 0; k < 8; ++k) {
      uint64_t eight = 0;
      for (size_t j = 0; j < 8; ++j) eight |= uint64_t{bytes[8 * k + j]} << (8 * j);
      word |= (eight * kGather >> 56) << (8 * k);
    }
    return word;
  }

  void ClearTail() {
    const size_t used = bits_ % kWordBits;
    if (used != 0) words_.back() &= (uint64_t{1} << used) - 1;
  }

  size_t bits_ = 0;
  std::vector<uint64_t> words_;
};

}  // namespace minnow
