// SPDX-License-Identifier: Apache-2.0
// Vocabulary: building the arrays, and looking tokens up.
#include "text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace minnow {
namespace {

// Half-full tables with a fair hash stay far below this, whatever the language; only texts made to
// collide do not.
constexpr size_t kMaxProbes = 256;

uint32_t UpperHalf(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

Error Corrupt(std::string message) { return Error{Code::kCorrupt, std::move(message)}; }

}  // namespace

Result<Vocabulary> Vocabulary::Build(std::span<const Entry> entries) {
  Vocabulary v;
  int32_t max_id = -1;
  size_t bytes = 0;
  for (const Entry& entry : entries) {
    if (entry.id < 0 || entry.id > kMaxId) {
      return Corrupt("id " + std::to_string(entry.id) + " is not in [0, " + std::to_string(kMaxId) +
                     "]");
    }
    max_id = std::max(max_id, entry.id);
    bytes += entry.token.size();
    if (bytes > kMaxBytes)
      return Corrupt("tokens are longer than " + std::to_string(kMaxBytes) + " bytes together");
    v.max_token_bytes_ = std::max(v.max_token_bytes_, entry.token.size());
  }
  v.size_ = entries.size();

  std::vector<const Entry*> by_id(static_cast<size_t>(max_id) + 1, nullptr);
  for (const Entry& entry : entries) {
    const Entry*& place = by_id[static_cast<size_t>(entry.id)];
    if (place != nullptr)
      return Corrupt("id " + std::to_string(entry.id) + " is given to two tokens");
    place = &entry;
  }
  v.bytes_.reserve(bytes);
  v.offsets_.reserve(by_id.size() + 1);
  v.slots_.resize(std::bit_ceil(std::max<size_t>(2 * entries.size(), 2)));
  v.mask_ = v.slots_.size() - 1;
  for (size_t id = 0; id < by_id.size(); ++id) {
    if (by_id[id] != nullptr) {
      const std::string_view token = by_id[id]->token;
      v.bytes_.insert(v.bytes_.end(), token.begin(), token.end());
    }
    v.offsets_.push_back(static_cast<uint32_t>(v.bytes_.size()));
    if (by_id[id] != nullptr)
      MINNOW_RETURN_IF_ERROR(v.Insert(by_id[id]->token, static_cast<int32_t>(id)));
  }
  return v;
}

Status Vocabulary::Insert(std::string_view token, int32_t id) {
  TokenHash hash;
  hash.Add(token);
  const uint32_t upper = UpperHalf(hash.value());
  for (size_t i = 0; i < kMaxProbes; ++i) {
    Slot& slot = slots_[(hash.value() + i) & mask_];
    if (slot.id < 0) {
      slot = {upper, id};
      return {};
    }
    if (slot.hash == upper && Text(slot.id) == token) {
      return Corrupt("ids " + std::to_string(slot.id) + " and " + std::to_string(id) +
                     " are the same token");
    }
  }
  return Corrupt("more than " + std::to_string(kMaxProbes) +
                 " tokens share one place of the hash table");
}

std::optional<int32_t> Vocabulary::Find(std::string_view token) const {
  TokenHash hash;
  hash.Add(token);
  const int32_t id = Find({}, token, hash.value());
  if (id < 0) return std::nullopt;
  return id;
}

int32_t Vocabulary::Find(std::string_view first, std::string_view second, uint64_t hash) const {
  const uint32_t upper = UpperHalf(hash);
  for (size_t i = 0; i < kMaxProbes; ++i) {
    const Slot slot = slots_[(hash + i) & mask_];
    if (slot.id < 0) return -1;
    if (slot.hash != upper) continue;
    const std::string_view text = Text(slot.id);
    if (text.size() == first.size() + second.size() && text.starts_with(first) &&
        text.ends_with(second)) {
      return slot.id;
    }
  }
  return -1;
}

std::optional<std::string_view> Vocabulary::Token(int32_t id) const {
  if (id < 0 || id >= id_limit()) return std::nullopt;
  const std::string_view text = Text(id);
  // An empty text is a hole, unless it is the one token that is empty.
  if (text.empty() && Find(text) != id) return std::nullopt;
  return text;
}

}  // namespace minnow
