// SPDX-License-Identifier: Apache-2.0
// Unigram: one pass over the word (Viterbi), then the best way backwards.
#include "text/models/unigram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "text/unicode.h"

namespace minnow {
namespace {

constexpr double kUnknownPenalty = 10;

size_t SequenceLength(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// What the tables borrow.
struct UnigramArrays {
  std::vector<double> scores;
  std::vector<uint64_t> prefixes;
};

}  // namespace

double UnknownScoreOf(const ScoreTable& scores) {
  double least = std::numeric_limits<double>::infinity();
  for (size_t id = 0; id < scores.size(); ++id) least = std::min(least, scores[id]);
  return least - kUnknownPenalty;
}

Result<ModelTables> MakeUnigramTables(std::span<const Vocabulary::Entry> entries,
                                      std::vector<double> scores) {
  MINNOW_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::Build(entries));
  auto arrays = std::make_shared<UnigramArrays>();
  arrays->scores = std::move(scores);
  arrays->prefixes = PrefixFilter::Build(vocabulary);
  return ModelTables{.vocabulary = std::move(vocabulary),
                     .scores = std::span<const double>(arrays->scores),
                     .merges = {},
                     .prefixes = arrays->prefixes,
                     .owner = arrays};
}

Result<std::unique_ptr<const TokenModel>> Unigram::Make(ModelTables tables,
                                                        const UnigramOptions& options) {
  if (tables.scores.size() != static_cast<size_t>(tables.vocabulary.id_limit()) ||
      !PrefixFilter::IsSize(tables.prefixes.size())) {
    return Error{Code::kCorrupt, std::to_string(tables.scores.size()) + " scores and " +
                                     std::to_string(tables.prefixes.size()) +
                                     " words of prefixes for " +
                                     std::to_string(tables.vocabulary.id_limit()) + " ids"};
  }
  if (tables.vocabulary.max_token_bytes() > kMaxTokenBytes) {
    return Error{Code::kUnsupported, "a token of " +
                                         std::to_string(tables.vocabulary.max_token_bytes()) +
                                         " bytes, limit " + std::to_string(kMaxTokenBytes)};
  }
  if (!tables.vocabulary.Token(options.unknown_id)) {
    return Error{Code::kCorrupt, "unk_id: there is no token " + std::to_string(options.unknown_id)};
  }
  const double unknown_score =
      options.unknown_score ? *options.unknown_score : UnknownScoreOf(tables.scores);
  return std::unique_ptr<const TokenModel>(new Unigram(std::move(tables), options, unknown_score));
}

Unigram::Unigram(ModelTables tables, const UnigramOptions& options, double unknown_score)
    : TokenModel(std::move(tables)),
      options_(options),
      unknown_score_(unknown_score),
      filter_(this->tables().prefixes) {}

void Unigram::Tokenize(std::string_view word, std::vector<TokenId>& ids,
                       std::vector<TextSpan>* spans) const {
  constexpr size_t kInline = 128;
  std::array<Node, kInline> few;
  std::vector<Node> many;
  if (word.size() >= kInline) many.resize(word.size() + 1);
  Node* const nodes = many.empty() ? few.data() : many.data();
  FindBest(word, nodes);

  // From the end to the beginning; a run of unknown characters is one unknown token.
  const bool one_by_one = options_.as_sentencepiece && options_.byte_fallback;
  const size_t ids_before = ids.size();
  const size_t spans_before = spans == nullptr ? 0 : spans->size();
  for (size_t end = word.size(); end > 0;) {
    size_t begin = nodes[end].begin;
    const TokenId id = nodes[end].id;
    if (id == options_.unknown_id) {
      while (!one_by_one && begin > 0 && nodes[begin].id == id) begin = nodes[begin].begin;
      AppendUnknown(word, {begin, end}, ids, spans);
    } else {
      ids.push_back(id);
      if (spans != nullptr) spans->push_back({begin, end});
    }
    end = begin;
  }
  std::reverse(ids.begin() + static_cast<ptrdiff_t>(ids_before), ids.end());
  if (spans != nullptr)
    std::reverse(spans->begin() + static_cast<ptrdiff_t>(spans_before), spans->end());
}

void Unigram::FindBest(std::string_view word, Node* nodes) const {
  std::fill_n(nodes, word.size() + 1, Node{0, kNone, 0});
  for (size_t begin = 0; begin < word.size();) {
    const size_t first_end = begin + SequenceLength(word[begin]);
    AddTokensFrom(word, begin, first_end, nodes);
    begin = first_end;
  }
}

void Unigram::AddTokensFrom(std::string_view word, size_t begin, size_t first_end,
                            Node* nodes) const {
  const double before = nodes[begin].score;
  const auto offer = [&](size_t end, TokenId id, double score) {
    Node& node = nodes[end];
    if (node.id != kNone && !(score > node.score)) return;
    node = {score, id, static_cast<uint32_t>(begin)};
  };
  const size_t limit =
      std::min(word.size(), begin + std::max(vocabulary().max_token_bytes(), first_end - begin));
  bool known = false;  // the first character alone is a token
  TokenHash hash;
  size_t hashed = begin;
  for (size_t end = first_end; end <= limit; end += SequenceLength(word[end])) {
    while (hashed < end) hash.Add(word[hashed++]);
    const TokenId id = vocabulary().Find({}, word.substr(begin, end - begin), hash.value());
    if (id >= 0) {
      const double score = tables().scores[static_cast<size_t>(id)];
      if (!std::isnan(score)) {
        offer(end, id, Sum(before, score));
        known |= end == first_end;
      }
    }
    if (end == word.size() || !filter_.MayContinue(hash.value())) break;
  }
  if (!known) offer(first_end, options_.unknown_id, Sum(before, unknown_score_));
}

// Tokens are appended last first.
void Unigram::AppendUnknown(std::string_view word, TextSpan span, std::vector<TokenId>& ids,
                            std::vector<TextSpan>* spans) const {
  const std::string_view text = word.substr(span.begin, span.end - span.begin);
  const size_t before = ids.size();
  const std::optional<TokenId> found =
      options_.as_sentencepiece ? std::nullopt : vocabulary().Find(text);
  if (!found && options_.byte_fallback) {
    for (size_t i = text.size(); i-- > 0;) {
      const auto id = vocabulary().FindByte(text[i]);
      if (!id) {
        ids.resize(before);
        break;
      }
      ids.push_back(*id);
    }
  }
  if (ids.size() == before) ids.push_back(found.value_or(options_.unknown_id));
  if (spans != nullptr) spans->insert(spans->end(), ids.size() - before, span);
}

}  // namespace minnow
