// SPDX-License-Identifier: Apache-2.0
// Vocabulary: token text <-> id, in flat arrays that a packed file holds as they are
// (formats/PACKED.md).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
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

// The arrays of a vocabulary with ids in [0, id_limit). Borrowed.
//
// Token `id` is bytes[start(id), start(id + 1)), an id that is not used is empty there, and
// start(i) is starts[i / kBlockIds] + offsets[i]. A vocabulary with longer tokens than that allows
// has no `offsets`, and start(i) is starts[i].
// Hash table, open addressing: a token stands in the first free slot from FirstSlot of its hash on,
// around the end. A slot has three bytes: a token's id + 1 in the low IdBits, the low bits of its
// hash in the others; 0 is an empty slot.
struct VocabularyTables {
  static constexpr size_t kBlockIds = 64;
  static constexpr size_t kSlotBytes = 3;

  std::span<const char> bytes;
  std::span<const uint32_t> starts;
  std::span<const uint16_t> offsets;  // [id_limit + 1], or empty
  std::span<const uint8_t> slots;     // [kSlotBytes * slots]
  int32_t id_limit = 0;
  size_t size = 0;             // tokens
  size_t max_token_bytes = 0;  // of the longest

  // Bits of a slot that hold an id + 1; the others hold some of the hash.
  int IdBits() const { return std::bit_width(static_cast<uint32_t>(id_limit)); }
  // FNV's last steps leave the upper bits nearly alone, so one more multiplication spreads them.
  static size_t FirstSlot(uint64_t hash, size_t slots) {
    return (hash * 0x9E3779B97F4A7C15u >> 32) * uint64_t{slots} >> 32;
  }
};

// Immutable and thread-safe.
class Vocabulary {
 public:
  struct Entry {
    std::string_view token;
    int32_t id;
  };
  static constexpr int32_t kMaxId = (1 << 22) - 1;
  static constexpr size_t kMaxBytes = size_t{1} << 28;

  // Fails with kCorrupt (an id twice, a token twice, an id out of [0, kMaxId], more than kMaxBytes
  // of text, or texts made to collide); the message names the token or id.
  static Result<Vocabulary> Build(std::span<const Entry> entries);
  // Of tables made before; `owner` keeps them. Only their sizes are checked here (kCorrupt). What
  // they hold is checked when it is used: wrong tables give wrong tokens, with ids below id_limit.
  // Without slots, those are made here; then fails as Build does too.
  static Result<Vocabulary> FromTables(const VocabularyTables& tables,
                                       std::shared_ptr<const void> owner);

  std::optional<int32_t> Find(std::string_view token) const;
  // The id of the token `first` + `second`, whose hash is `hash`; -1 where there is none.
  int32_t Find(std::string_view first, std::string_view second, uint64_t hash) const;
  // The token that stands for a byte where no other does: "<0x41>".
  std::optional<int32_t> FindByte(char byte) const;
  // The token's text; nullopt for an id that is not used, and where a packed file has no UTF-8.
  std::optional<std::string_view> Token(int32_t id) const;

  size_t size() const { return tables_.size; }           // tokens
  int32_t id_limit() const { return tables_.id_limit; }  // one more than the largest id
  size_t max_token_bytes() const { return tables_.max_token_bytes; }
  const VocabularyTables& tables() const { return tables_; }

 private:
  struct Arrays;
  Vocabulary() = default;
  // Makes the hash table of the ids in use. used: [id_limit]
  Status FillSlots(const std::vector<bool>& used, std::vector<uint8_t>& slots);
  // False where the token of that id stands too far from its first slot.
  bool Insert(int32_t id, std::vector<uint8_t>& slots) const;
  size_t Start(size_t id) const {
    return tables_.offsets.empty()
               ? tables_.starts[id]
               : size_t{tables_.starts[id / VocabularyTables::kBlockIds]} + tables_.offsets[id];
  }
  std::string_view Text(int32_t id) const {
    const size_t begin = Start(static_cast<size_t>(id));
    const size_t end = Start(static_cast<size_t>(id) + 1);
    if (begin > end || end > tables_.bytes.size()) return {};
    return {tables_.bytes.data() + begin, end - begin};
  }

  VocabularyTables tables_;
  std::shared_ptr<const void> owner_;
};

}  // namespace minnow
