// SPDX-License-Identifier: Apache-2.0
// Vocabulary: building the arrays, and looking tokens up.
#include "text/models/vocabulary.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"

namespace minnow {
namespace {

// Tables filled to 5/8 with a fair hash stay far below this, whatever the language; only texts made
// to collide do not.
constexpr size_t kMaxProbes = 256;

Error Corrupt(std::string message) { return Error{Code::kCorrupt, std::move(message)}; }

size_t SlotsFor(size_t tokens) { return tokens + tokens * 3 / 5 + 1; }

uint32_t LoadSlot(const uint8_t* slot) {
  return uint32_t{slot[0]} | uint32_t{slot[1]} << 8 | uint32_t{slot[2]} << 16;
}

// A slot without its id.
uint32_t HashPart(uint64_t hash, int id_bits) {
  return static_cast<uint32_t>(hash << id_bits) & 0xFFFFFFu;
}

size_t Blocks(size_t ids) {
  return (ids + VocabularyTables::kBlockIds - 1) / VocabularyTables::kBlockIds;
}

}  // namespace

struct Vocabulary::Arrays {
  std::vector<char> bytes;
  std::vector<uint32_t> starts;
  std::vector<uint16_t> offsets;
  std::vector<uint8_t> slots;
  std::shared_ptr<const void> texts_owner;  // of bytes, starts and offsets that lie elsewhere

  // The texts of `by_id` (null: an id that is not used).
  static std::shared_ptr<Arrays> Make(std::span<const Entry* const> by_id, size_t text_bytes);
  // `begins`: where each id's text starts, and the end of the last.
  void SetStarts(std::vector<uint32_t> begins);
};

std::shared_ptr<Vocabulary::Arrays> Vocabulary::Arrays::Make(std::span<const Entry* const> by_id,
                                                             size_t text_bytes) {
  auto arrays = std::make_shared<Arrays>();
  arrays->bytes.reserve(text_bytes);
  std::vector<uint32_t> begins = {0};
  begins.reserve(by_id.size() + 1);
  for (const Entry* entry : by_id) {
    if (entry != nullptr)
      arrays->bytes.insert(arrays->bytes.end(), entry->token.begin(), entry->token.end());
    begins.push_back(static_cast<uint32_t>(arrays->bytes.size()));
  }
  arrays->SetStarts(std::move(begins));
  return arrays;
}

void Vocabulary::Arrays::SetStarts(std::vector<uint32_t> begins) {
  for (size_t i = 0; i < begins.size(); ++i) {
    if (i % VocabularyTables::kBlockIds == 0) starts.push_back(begins[i]);
    const uint32_t offset = begins[i] - starts.back();
    if (offset > std::numeric_limits<uint16_t>::max()) {
      offsets.clear();
      starts = std::move(begins);
      return;
    }
    offsets.push_back(static_cast<uint16_t>(offset));
  }
}

bool Vocabulary::Insert(int32_t id, std::vector<uint8_t>& slots) const {
  TokenHash hash;
  hash.Add(Text(id));
  const size_t count = slots.size() / VocabularyTables::kSlotBytes;
  size_t slot = VocabularyTables::FirstSlot(hash.value(), count);
  for (size_t i = 0; i < kMaxProbes; ++i, slot = slot + 1 == count ? 0 : slot + 1) {
    uint8_t* const to = slots.data() + slot * VocabularyTables::kSlotBytes;
    if (LoadSlot(to) != 0) continue;
    const uint32_t value =
        HashPart(hash.value(), tables_.IdBits()) | (static_cast<uint32_t>(id) + 1);
    for (size_t byte = 0; byte < VocabularyTables::kSlotBytes; ++byte)
      to[byte] = static_cast<uint8_t>(value >> 8 * byte);
    return true;
  }
  return false;
}

Status Vocabulary::FillSlots(const std::vector<bool>& used, std::vector<uint8_t>& slots) {
  const auto tokens = static_cast<size_t>(std::count(used.begin(), used.end(), true));
  slots.assign(SlotsFor(tokens) * VocabularyTables::kSlotBytes, 0);
  tables_.slots = slots;
  for (int32_t id = 0; id < id_limit(); ++id) {
    if (!used[static_cast<size_t>(id)]) continue;
    if (const auto other = Find(Text(id))) {
      return Corrupt("ids " + std::to_string(*other) + " and " + std::to_string(id) +
                     " are the same token");
    }
    if (!Insert(id, slots)) {
      return Corrupt("more than " + std::to_string(kMaxProbes) +
                     " tokens share one place of the hash table");
    }
  }
  return {};
}

Result<Vocabulary> Vocabulary::Build(std::span<const Entry> entries) {
  int32_t max_id = -1;
  size_t bytes = 0;
  size_t longest = 0;
  for (const Entry& entry : entries) {
    if (entry.id < 0 || entry.id > kMaxId) {
      return Corrupt("id " + std::to_string(entry.id) + " is not in [0, " + std::to_string(kMaxId) +
                     "]");
    }
    max_id = std::max(max_id, entry.id);
    bytes += entry.token.size();
    if (bytes > kMaxBytes)
      return Corrupt("tokens are longer than " + std::to_string(kMaxBytes) + " bytes together");
    longest = std::max(longest, entry.token.size());
  }

  std::vector<const Entry*> by_id(static_cast<size_t>(max_id) + 1, nullptr);
  for (const Entry& entry : entries) {
    const Entry*& place = by_id[static_cast<size_t>(entry.id)];
    if (place != nullptr)
      return Corrupt("id " + std::to_string(entry.id) + " is given to two tokens");
    place = &entry;
  }

  const std::shared_ptr<Arrays> arrays = Arrays::Make(by_id, bytes);
  Vocabulary v;
  v.tables_ = {.bytes = arrays->bytes,
               .starts = arrays->starts,
               .offsets = arrays->offsets,
               .slots = {},
               .id_limit = max_id + 1,
               .size = entries.size(),
               .max_token_bytes = longest};
  v.owner_ = arrays;
  std::vector<bool> used(by_id.size());
  for (size_t id = 0; id < by_id.size(); ++id) used[id] = by_id[id] != nullptr;
  MINNOW_RETURN_IF_ERROR(v.FillSlots(used, arrays->slots));
  return v;
}

Result<Vocabulary> Vocabulary::FromTables(const VocabularyTables& tables,
                                          std::shared_ptr<const void> owner) {
  if (tables.id_limit < 0 || tables.id_limit > kMaxId + 1)
    return Corrupt("vocabulary: id_limit " + std::to_string(tables.id_limit));
  const size_t starts = static_cast<size_t>(tables.id_limit) + 1;
  const bool narrow = !tables.offsets.empty();
  if ((narrow && tables.offsets.size() != starts) ||
      tables.starts.size() != (narrow ? Blocks(starts) : starts)) {
    return Corrupt("vocabulary: tables of starts do not fit " + std::to_string(tables.id_limit) +
                   " ids");
  }
  const size_t slot_bytes = tables.slots.size();
  if (slot_bytes % VocabularyTables::kSlotBytes != 0 ||
      slot_bytes / VocabularyTables::kSlotBytes > SlotsFor(size_t{kMaxId} + 1))
    return Corrupt("vocabulary: slots of " + std::to_string(slot_bytes) + " bytes");
  if (tables.bytes.size() > kMaxBytes || tables.max_token_bytes > tables.bytes.size() ||
      tables.size > static_cast<size_t>(tables.id_limit)) {
    return Corrupt("vocabulary: " + std::to_string(tables.size) + " tokens, the longest of " +
                   std::to_string(tables.max_token_bytes) + " bytes, in " +
                   std::to_string(tables.bytes.size()) + " bytes");
  }
  Vocabulary v;
  v.tables_ = tables;
  v.owner_ = std::move(owner);
  if (!tables.slots.empty()) return v;
  auto arrays = std::make_shared<Arrays>();
  arrays->texts_owner = std::exchange(v.owner_, arrays);
  std::vector<bool> used(static_cast<size_t>(tables.id_limit));
  size_t text_bytes = 0;  // texts that overlap could be far more than the file
  for (int32_t id = 0; id < tables.id_limit; ++id) {
    text_bytes += v.Text(id).size();
    if (text_bytes > tables.bytes.size()) return Corrupt("vocabulary: texts of ids overlap");
    used[static_cast<size_t>(id)] = !v.Text(id).empty();
  }
  MINNOW_RETURN_IF_ERROR(v.FillSlots(used, arrays->slots));
  return v;
}

std::optional<int32_t> Vocabulary::Find(std::string_view token) const {
  TokenHash hash;
  hash.Add(token);
  const int32_t id = Find({}, token, hash.value());
  if (id < 0) return std::nullopt;
  return id;
}

std::optional<int32_t> Vocabulary::FindByte(char byte) const {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(byte);
  const char name[] = {'<', '0', 'x', kDigits[value >> 4], kDigits[value & 15], '>'};
  return Find({name, sizeof(name)});
}

int32_t Vocabulary::Find(std::string_view first, std::string_view second, uint64_t hash) const {
  const int id_bits = tables_.IdBits();
  const uint32_t wanted = HashPart(hash, id_bits);
  const size_t slots = tables_.slots.size() / VocabularyTables::kSlotBytes;
  size_t slot = VocabularyTables::FirstSlot(hash, slots);
  for (size_t i = 0; i < kMaxProbes; ++i, slot = slot + 1 == slots ? 0 : slot + 1) {
    const uint32_t found = LoadSlot(tables_.slots.data() + slot * VocabularyTables::kSlotBytes);
    if (found == 0) return -1;
    if ((found ^ wanted) >> id_bits != 0) continue;
    const uint32_t id = (found ^ wanted) - 1;
    if (id >= static_cast<uint32_t>(tables_.id_limit)) continue;
    const std::string_view text = Text(static_cast<int32_t>(id));
    if (text.size() == first.size() + second.size() && text.starts_with(first) &&
        text.ends_with(second)) {
      return static_cast<int32_t>(id);
    }
  }
  return -1;
}

std::optional<std::string_view> Vocabulary::Token(int32_t id) const {
  if (id < 0 || id >= id_limit()) return std::nullopt;
  const std::string_view text = Text(id);
  // An empty text is a hole, unless it is the one token that is empty.
  if (text.empty() && Find(text) != id) return std::nullopt;
  if (!IsValidUtf8(text)) return std::nullopt;
  return text;
}

}  // namespace minnow
