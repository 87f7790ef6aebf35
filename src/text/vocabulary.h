// SPDX-License-Identifier: Apache-2.0
// Vocabulary: token text <-> id, in three flat arrays that a packed file can hold as they are.
//
//   bytes    all tokens' text, in order of id, end to end
//   offsets  token `id` is bytes[offsets[id], offsets[id + 1]); an id that is not used is empty
//   there slots    open addressing by hash, a power of two, at most half full
// Immutable and thread-safe. Owns its arrays; moving does not move them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace minnow {

// FNV-1a, 64 bits: the state after some bytes goes on with further bytes, so that all prefixes of a
// word are hashed in one pass.
class TokenHash {
 public:
  void Add(char byte) { state_ = (state_ ^ static_cast<unsigned char>(byte)) * 0x100000001B3u; }
  void Add(std::string_view text) {
    for (const char byte : text) Add(byte);
  }
  uint64_t value() const { return state_ ^ state_ >> 29; }

 private:
  uint64_t state_ = 0xCBF29CE484222325u;
};

class Vocabulary {
 public:
  struct Entry {
    std::string_view token;
    int32_t id;
  };
  struct Slot {
    uint32_t hash = 0;  // the upper half, so that few tokens are compared in vain
    int32_t id = -1;    // -1: empty
  };
  static constexpr int32_t kMaxId = (1 << 22) - 1;
  static constexpr size_t kMaxBytes = size_t{1} << 28;

  // Fails with kCorrupt (an id twice, a token twice, an id out of [0, kMaxId], more than kMaxBytes
  // of text, or texts made to collide); the message names the token or id.
  static Result<Vocabulary> Build(std::span<const Entry> entries);

  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  std::optional<int32_t> Find(std::string_view token) const;
  // The id of the token `first` + `second`, whose hash is `hash`; -1 where there is none.
  int32_t Find(std::string_view first, std::string_view second, uint64_t hash) const;
  // The token's text; nullopt for an id that is not used.
  std::optional<std::string_view> Token(int32_t id) const;

  size_t size() const { return size_; }  // tokens
  int32_t id_limit() const {
    return static_cast<int32_t>(offsets_.size()) - 1;
  }  // one more than the largest id
  size_t max_token_bytes() const { return max_token_bytes_; }

 private:
  Vocabulary() = default;
  Status Insert(std::string_view token, int32_t id);
  std::string_view Text(int32_t id) const {
    return {bytes_.data() + offsets_[static_cast<size_t>(id)],
            offsets_[static_cast<size_t>(id) + 1] - offsets_[static_cast<size_t>(id)]};
  }

  std::vector<char> bytes_;
  std::vector<uint32_t> offsets_{0};
  std::vector<Slot> slots_;
  size_t mask_ = 0;
  size_t size_ = 0;
  size_t max_token_bytes_ = 0;
};

}  // namespace minnow
