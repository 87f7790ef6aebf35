// SPDX-License-Identifier: Apache-2.0
// Templates and truncation.
#include "text/template_processing.h"

#include <algorithm>
#include <utility>

#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace minnow {
namespace {

// "Longest first" in closed form: lengths n1 and n2 of a pair cut to `limit` together.
std::pair<size_t, size_t> LongestFirst(size_t n1, size_t n2, size_t limit) {
  if (n1 + n2 <= limit) return {n1, n2};
  const bool swapped = n1 > n2;
  if (swapped) std::swap(n1, n2);
  n2 = n1 > limit ? n1 : std::max(n1, limit - n1);
  if (n1 + n2 > limit) {
    n1 = limit / 2;
    n2 = n1 + limit % 2;
  }
  if (swapped) std::swap(n1, n2);
  return {n1, n2};
}

// "Only first": the second keeps its length n2, and the first at least one token.
std::pair<size_t, size_t> FirstOnly(size_t n1, size_t n2, size_t limit) {
  return {n2 < limit ? std::min(n1, limit - n2) : n1, n2};
}

size_t SpecialTokens(const std::vector<TemplatePiece>& pieces) {
  size_t count = 0;
  for (const TemplatePiece& piece : pieces) count += piece.ids.size();
  return count;
}

void AppendSpecial(const TemplatePiece& piece, bool want_offsets, Encoding& out) {
  out.ids.insert(out.ids.end(), piece.ids.begin(), piece.ids.end());
  if (!want_offsets) return;
  out.offsets.resize(out.ids.size());
  out.words.resize(out.ids.size());
  out.special.resize(out.ids.size(), 1);
}

bool IsSpaceOfToken(char32_t c) { return c == LetterOfByte(' ') || IsWhiteSpace(c); }

// `first`: of the tokens that are kept.
void Trim(const TokenSpaces& spaces, bool first, bool add_prefix_space, TokenOffset& offset) {
  const bool put_there = (first || offset.begin == 0) && add_prefix_space && spaces.leading == 1;
  if (!put_there) offset.begin = std::min(offset.begin + spaces.leading, offset.end);
  if (offset.end >= spaces.trailing)
    offset.end = std::max(offset.end - spaces.trailing, offset.begin);
}

}  // namespace

TokenSpaces CountSpaces(std::string_view token) {
  TokenSpaces spaces;
  const char* const end = token.data() + token.size();
  bool only_spaces = true;
  for (const char* p = token.data(); p < end;) {
    if (!IsSpaceOfToken(NextCodePoint(p))) {
      only_spaces = false;
      spaces.trailing = 0;
      continue;
    }
    ++spaces.trailing;
    if (only_spaces) ++spaces.leading;
  }
  return spaces;
}

TemplateProcessing::Kept TemplateProcessing::Keep(size_t tokens, size_t limit,
                                                  TruncationDirection direction) {
  const size_t size = std::min(tokens, limit);
  return {direction == TruncationDirection::kLeft ? tokens - size : 0, size};
}

void TemplateProcessing::AppendSequence(const TokenSequence& sequence, const Kept& kept,
                                        bool want_offsets, Encoding& out) const {
  const auto ids = sequence.ids.begin() + static_cast<ptrdiff_t>(kept.begin);
  out.ids.insert(out.ids.end(), ids, ids + static_cast<ptrdiff_t>(kept.size));
  if (!want_offsets) return;
  const size_t before = out.offsets.size();
  const auto offsets = sequence.offsets.begin() + static_cast<ptrdiff_t>(kept.begin);
  out.offsets.insert(out.offsets.end(), offsets, offsets + static_cast<ptrdiff_t>(kept.size));
  const auto words = sequence.words.begin() + static_cast<ptrdiff_t>(kept.begin);
  out.words.insert(out.words.end(), words, words + static_cast<ptrdiff_t>(kept.size));
  out.special.resize(out.ids.size(), 0);
  for (const Trimming& trimming : trimmings_) {
    for (size_t i = 0; i < kept.size; ++i) {
      Trim(sequence.spaces[kept.begin + i], i == 0, trimming.add_prefix_space,
           out.offsets[before + i]);
    }
  }
}

TemplateProcessing::TemplateProcessing()
    : single_{{TemplatePiece::Kind::kFirst, 0, {}}},
      pair_{{TemplatePiece::Kind::kFirst, 0, {}}, {TemplatePiece::Kind::kSecond, 1, {}}} {}

TemplateProcessing::TemplateProcessing(std::vector<TemplatePiece> single,
                                       std::vector<TemplatePiece> pair)
    : single_(std::move(single)), pair_(std::move(pair)) {}

Encoding TemplateProcessing::Apply(const TokenSequence& first, const TokenSequence* second,
                                   const EncodeOptions& options) const {
  const std::vector<TemplatePiece>& pieces = second == nullptr ? single_ : pair_;
  const size_t added = options.add_special_tokens ? SpecialTokens(pieces) : 0;
  Kept keep_first{0, first.ids.size()};
  Kept keep_second{0, second == nullptr ? 0 : second->ids.size()};
  if (options.max_tokens != 0) {
    const size_t limit = options.max_tokens - std::min(options.max_tokens, added);
    const TruncationDirection direction = options.truncation_direction;
    if (second == nullptr) {
      keep_first = Keep(first.ids.size(), limit, direction);
    } else {
      const auto [n1, n2] = options.truncate_first_only
                                ? FirstOnly(first.ids.size(), second->ids.size(), limit)
                                : LongestFirst(first.ids.size(), second->ids.size(), limit);
      keep_first = Keep(first.ids.size(), n1, direction);
      keep_second = Keep(second->ids.size(), n2, direction);
    }
  }
  return Build(first, keep_first, second, keep_second, options);
}

std::vector<Encoding> TemplateProcessing::ApplyWindows(const TokenSequence& first,
                                                       const TokenSequence* second,
                                                       const EncodeOptions& options,
                                                       const WindowOptions& windows) const {
  const size_t added =
      options.add_special_tokens ? SpecialTokens(second == nullptr ? single_ : pair_) : 0;
  const size_t limit = options.max_tokens - std::min(options.max_tokens, added);
  const TokenSequence& cut = second == nullptr ? first : *second;
  const size_t tokens = cut.ids.size();
  Kept whole{0, second == nullptr ? 0 : first.ids.size()};
  if (whole.size + std::min<size_t>(tokens, 1) > limit) whole.size = limit / 2;
  const size_t room = std::max<size_t>(limit - whole.size, 1);
  const size_t step = room - (windows.stride < room ? windows.stride : room / 2);
  const size_t window_tokens = whole.size + room + added;

  std::vector<Encoding> list;
  Kept part;
  do {
    part.size = std::min(room, tokens - part.begin);
    list.push_back(second == nullptr ? Build(first, part, nullptr, {}, options)
                                     : Build(first, whole, second, part, options));
    list.back().window_begin = part.begin;
    const bool full = windows.max_total_tokens != 0 &&
                      (list.size() + 1) * window_tokens > windows.max_total_tokens;
    if (full || part.begin + part.size == tokens) break;
    part.begin += step;
  } while (true);
  return list;
}

Encoding TemplateProcessing::Build(const TokenSequence& first, const Kept& keep_first,
                                   const TokenSequence* second, const Kept& keep_second,
                                   const EncodeOptions& options) const {
  const std::vector<TemplatePiece>& pieces = second == nullptr ? single_ : pair_;
  const size_t added = options.add_special_tokens ? SpecialTokens(pieces) : 0;
  Encoding out;
  out.ids.reserve(keep_first.size + keep_second.size + added);
  for (const TemplatePiece& piece : pieces) {
    switch (piece.kind) {
      case TemplatePiece::Kind::kFirst:
        AppendSequence(first, keep_first, options.want_offsets, out);
        out.untruncated_tokens += first.ids.size();
        break;
      case TemplatePiece::Kind::kSecond:
        out.second_begin = out.ids.size();
        AppendSequence(*second, keep_second, options.want_offsets, out);
        out.second_end = out.ids.size();
        out.untruncated_tokens += second->ids.size();
        break;
      case TemplatePiece::Kind::kSpecial:
        if (!options.add_special_tokens) break;
        AppendSpecial(piece, options.want_offsets, out);
        out.untruncated_tokens += piece.ids.size();
        break;
    }
    out.type_ids.resize(out.ids.size(), piece.type_id);
  }
  // More special tokens than room, or a template that names a text twice.
  if (options.max_tokens != 0 && !options.truncate_first_only &&
      out.ids.size() > options.max_tokens) {
    out.ids.resize(options.max_tokens);
    out.type_ids.resize(options.max_tokens);
    out.second_begin = std::min(out.second_begin, options.max_tokens);
    out.second_end = std::min(out.second_end, options.max_tokens);
    if (options.want_offsets) {
      out.offsets.resize(options.max_tokens);
      out.words.resize(options.max_tokens);
      out.special.resize(options.max_tokens);
    }
  }
  return out;
}

}  // namespace minnow
