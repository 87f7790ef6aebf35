// SPDX-License-Identifier: Apache-2.0
// WordPiece: greedy longest match.
#include "text/models/wordpiece.h"

#include <algorithm>
#include <array>

#include "formats/json.h"
#include "text/unicode.h"

namespace minnow {

Result<std::unique_ptr<const TokenModel>> WordPiece::Make(ModelTables tables,
                                                          WordPieceOptions options) {
  const std::optional<int32_t> unknown = tables.vocabulary.Find(options.unknown_token);
  if (!unknown) {
    return Error{Code::kCorrupt, "model.unk_token: " + QuoteForMessage(options.unknown_token) +
                                     " is not in model.vocab"};
  }
  return std::unique_ptr<const TokenModel>(
      new WordPiece(std::move(tables), std::move(options), *unknown));
}

WordPiece::WordPiece(ModelTables tables, WordPieceOptions options, TokenId unknown_id)
    : TokenModel(std::move(tables)), options_(std::move(options)), unknown_id_(unknown_id) {
  prefix_hash_.Add(options_.continuing_prefix);
}

void WordPiece::Tokenize(std::string_view word, std::vector<TokenId>& ids,
                         std::vector<TextSpan>* spans) const {
  const size_t ids_before = ids.size();
  const size_t spans_before = spans == nullptr ? 0 : spans->size();
  size_t begin = 0;
  if (word.size() <= options_.max_word_code_points ||
      CountCodePoints(word) <= options_.max_word_code_points) {
    std::string_view prefix;
    TokenHash hash;
    while (begin < word.size()) {
      size_t length = 0;
      const TokenId id = LongestMatch(prefix, hash, word.substr(begin), length);
      if (id < 0) break;
      ids.push_back(id);
      if (spans != nullptr) spans->push_back({begin, begin + length});
      begin += length;
      prefix = options_.continuing_prefix;
      hash = prefix_hash_;
    }
    if (begin == word.size()) return;
  }
  ids.resize(ids_before);
  ids.push_back(unknown_id_);
  if (spans != nullptr) {
    spans->resize(spans_before);
    spans->push_back({0, word.size()});
  }
}

TokenId WordPiece::LongestMatch(std::string_view prefix, const TokenHash& prefix_hash,
                                std::string_view rest, size_t& length) const {
  // Hashes of the beginnings of `rest` that end between code points, shortest first. A word has few
  // of them: its length is limited in code points, whatever limit the file sets.
  constexpr size_t kInline = 128;
  struct Beginning {
    uint32_t size;
    uint64_t hash;
  };
  std::array<Beginning, kInline> few;
  std::vector<Beginning> many;
  const size_t limit = std::min(rest.size(), vocabulary().max_token_bytes());
  Beginning* beginnings = few.data();
  if (limit > kInline) {
    many.resize(limit);
    beginnings = many.data();
  }
  size_t count = 0;
  TokenHash hash = prefix_hash;
  for (size_t i = 0; i < limit; ++i) {
    hash.Add(rest[i]);
    if (i + 1 == rest.size() || !IsUtf8Continuation(rest[i + 1])) {
      beginnings[count++] = {static_cast<uint32_t>(i + 1), hash.value()};
    }
  }
  while (count-- > 0) {
    const TokenId id =
        vocabulary().Find(prefix, rest.substr(0, beginnings[count].size), beginnings[count].hash);
    if (id >= 0) {
      length = beginnings[count].size;
      return id;
    }
  }
  return -1;
}

}  // namespace minnow
