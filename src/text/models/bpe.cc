// SPDX-License-Identifier: Apache-2.0
// BPE: characters, then merges by rank.
#include "text/models/bpe.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

#include "base/utf8.h"

namespace minnow {
namespace {

// Of the pairs, and of what was made of them.
using BothOwners = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;

}  // namespace

Result<std::unique_ptr<const TokenModel>> Bpe::Make(ModelTables tables, BpeOptions options) {
  if (options.continuing_prefix.size() > kMaxAffixBytes ||
      options.end_suffix.size() > kMaxAffixBytes) {
    return Error{Code::kUnsupported,
                 "a prefix or suffix of more than " + std::to_string(kMaxAffixBytes) + " bytes"};
  }
  const bool made = !tables.merges.slots.empty();
  auto merges = made ? MergeTable::FromArrays(tables.merges, tables.vocabulary.id_limit())
                     : MergeTable::Build(tables.merges.pairs, options.continuing_prefix.size(),
                                         tables.vocabulary);
  if (!merges.ok()) return Error{merges.error().code, "model." + merges.error().message};
  tables.merges = merges->arrays();
  if (!made) tables.owner = std::make_shared<const BothOwners>(tables.owner, merges->owner());
  return std::unique_ptr<const TokenModel>(
      new Bpe(std::move(tables), std::move(options), *std::move(merges)));
}

Bpe::Bpe(ModelTables tables, BpeOptions options, MergeTable merges)
    : TokenModel(std::move(tables)), options_(std::move(options)), merges_(std::move(merges)) {
  if (!options_.unknown_token.empty())
    unknown_id_ = vocabulary().Find(options_.unknown_token).value_or(-1);
  for (const bool first : {false, true}) {
    for (const bool last : {false, true}) {
      for (char32_t c = 0; c < kSmallCharacters; ++c) {
        std::string character;
        AppendUtf8(c, character);
        small_ids_[first][last][c] = FindCharacter(character, first, last);
      }
    }
  }
  for (size_t i = 0; i < byte_ids_.size(); ++i)
    byte_ids_[i] = vocabulary().FindByte(static_cast<char>(i)).value_or(-1);
}

TokenId Bpe::FindCharacter(std::string_view character, bool first, bool last) const {
  std::string text;
  if (!first) text = options_.continuing_prefix;
  text += character;
  if (last) text += options_.end_suffix;
  return vocabulary().Find(text).value_or(-1);
}

TokenId Bpe::CharacterId(std::string_view character, bool first, bool last) const {
  const char* p = character.data();
  const char32_t c = NextCodePoint(p);
  return c < kSmallCharacters ? small_ids_[first][last][c] : FindCharacter(character, first, last);
}

template <class Add>
bool Bpe::FallBack(std::string_view character, bool first, bool last, const Add& add) const {
  const std::string_view parts[] = {first ? std::string_view() : options_.continuing_prefix,
                                    character, last ? options_.end_suffix : std::string_view()};
  const auto id_of = [this](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
  for (const std::string_view part : parts) {
    for (const char byte : part) {
      if (id_of(byte) < 0) return false;
    }
  }
  for (const std::string_view part : parts) {
    for (const char byte : part) add(Symbol{static_cast<uint32_t>(id_of(byte)), 1});
  }
  return true;
}

template <class Add>
void Bpe::ForEachSymbol(std::string_view word, const Add& add) const {
  const auto unknown_id = static_cast<uint32_t>(unknown_id_);
  size_t unknown_bytes = 0;  // of the unknown token that waits to be added
  for (size_t begin = 0; begin < word.size();) {
    size_t end = begin + 1;
    while (end < word.size() && IsUtf8Continuation(word[end])) ++end;
    const std::string_view character = word.substr(begin, end - begin);
    const bool first = begin == 0;
    const bool last = end == word.size();
    begin = end;
    const auto bytes = static_cast<uint32_t>(character.size());
    if (const TokenId id = CharacterId(character, first, last); id >= 0) {
      if (unknown_bytes > 0) add(Symbol{unknown_id, static_cast<uint32_t>(unknown_bytes)});
      unknown_bytes = 0;
      add(Symbol{static_cast<uint32_t>(id), bytes});
      continue;
    }
    // As in Hugging Face tokenizers, bytes overtake the unknown token that waits.
    if (options_.byte_fallback && FallBack(character, first, last, add)) continue;
    if (unknown_id_ < 0) continue;
    if (unknown_bytes > 0 && !options_.fuse_unknown) {
      add(Symbol{unknown_id, static_cast<uint32_t>(unknown_bytes)});
      unknown_bytes = 0;
    }
    unknown_bytes += bytes;
  }
  if (unknown_bytes > 0) add(Symbol{unknown_id, static_cast<uint32_t>(unknown_bytes)});
}

void Bpe::Tokenize(std::string_view word, std::vector<TokenId>& ids,
                   std::vector<TextSpan>* spans) const {
  if (options_.ignore_merges) {
    if (const auto id = vocabulary().Find(word)) {
      ids.push_back(*id);
      if (spans != nullptr) spans->push_back({0, word.size()});
      return;
    }
  }
  std::array<Symbol, kShortWordBytes> few;
  std::vector<Symbol> many;
  const Symbol* symbols = few.data();
  size_t count = 0;
  // Without bytes to fall back to there are no more symbols than bytes.
  if (word.size() <= kShortWordBytes && !options_.byte_fallback) {
    ForEachSymbol(word, [&few, &count](const Symbol& symbol) { few[count++] = symbol; });
    count = MergeShort(few.data(), count);
  } else {
    many.reserve(word.size());
    ForEachSymbol(word, [&many](const Symbol& symbol) { many.push_back(symbol); });
    count = many.size() <= kShortWordBytes ? MergeShort(many.data(), many.size()) : MergeLong(many);
    symbols = many.data();
  }
  // Characters that were left out are not counted, so that the spans after them stand too far to
  // the left: Hugging Face's offsets. Bytes of a suffix are none of the word's.
  size_t begin = 0;
  for (size_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<TokenId>(symbols[i].id));
    if (spans == nullptr) continue;
    const size_t end = std::min(begin + symbols[i].bytes, word.size());
    spans->push_back({std::min(begin, end - 1), end});
    begin = end;
  }
}

// Each step looks at all pairs: for few of them that beats a heap.
size_t Bpe::MergeShort(Symbol* symbols, size_t count) const {
  std::array<uint32_t, kShortWordBytes> ranks;  // of each pair, the second of which is i + 1
  for (size_t i = 0; i + 1 < count; ++i) ranks[i] = merges_.Find(symbols[i].id, symbols[i + 1].id);
  while (count > 1) {
    const auto best = std::min_element(ranks.begin(), ranks.begin() + (count - 1));
    if (*best == MergeTable::kNone) break;
    const auto at = static_cast<size_t>(best - ranks.begin());
    symbols[at] = {merges_.merged(*best), symbols[at].bytes + symbols[at + 1].bytes};
    std::copy(symbols + at + 2, symbols + count, symbols + at + 1);
    std::copy(best + 1, ranks.begin() + (count - 1), best);
    --count;
    if (at > 0) ranks[at - 1] = merges_.Find(symbols[at - 1].id, symbols[at].id);
    if (at + 1 < count) ranks[at] = merges_.Find(symbols[at].id, symbols[at + 1].id);
  }
  return count;
}

// n log n: pairs wait in a heap, by rank and then by place; one that is no longer there when its
// turn comes is passed over.
size_t Bpe::MergeLong(std::vector<Symbol>& symbols) const {
  constexpr uint32_t kEnd = MergeTable::kNone;
  struct Links {
    uint32_t previous;
    uint32_t next;
    uint32_t rank;  // of the pair with the next
  };
  const auto count = static_cast<uint32_t>(symbols.size());
  std::vector<Links> links(count);
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> waiting;
  const auto look_up = [&](uint32_t at) {
    Links& link = links[at];
    link.rank = link.next == kEnd ? kEnd : merges_.Find(symbols[at].id, symbols[link.next].id);
    if (link.rank != MergeTable::kNone) waiting.push(uint64_t{link.rank} << 32 | at);
  };
  for (uint32_t i = 0; i < count; ++i) {
    links[i].previous = i == 0 ? kEnd : i - 1;
    links[i].next = i + 1 == count ? kEnd : i + 1;
    look_up(i);
  }
  while (!waiting.empty()) {
    const auto rank = static_cast<uint32_t>(waiting.top() >> 32);
    const auto at = static_cast<uint32_t>(waiting.top());
    waiting.pop();
    Links& link = links[at];
    if (link.rank != rank || symbols[at].bytes == 0) continue;
    const uint32_t gone = link.next;
    symbols[at] = {merges_.merged(rank), symbols[at].bytes + symbols[gone].bytes};
    symbols[gone].bytes = 0;
    link.next = links[gone].next;
    if (link.next != kEnd) links[link.next].previous = at;
    look_up(at);
    if (link.previous != kEnd) look_up(link.previous);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.bytes == 0; });
  return symbols.size();
}

}  // namespace minnow
