// SPDX-License-Identifier: Apache-2.0
// Added tokens: a matcher for each stage, and the rules about white space and words around a match.
#include "text/added_tokens.h"

#include <algorithm>

#include "formats/json.h"
#include "text/unicode.h"

namespace minnow {
namespace {

size_t PreviousCodePoint(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (IsUtf8Continuation(text[begin])) --begin;
  return begin;
}

char32_t CodePointAt(std::string_view text, size_t begin) {
  const char* p = text.data() + begin;
  return NextCodePoint(p);
}

bool IsSingleWord(std::string_view text, size_t begin, size_t end) {
  const bool starts = begin == 0 || !IsWord(CodePointAt(text, PreviousCodePoint(text, begin)));
  const bool ends = end == text.size() || !IsWord(CodePointAt(text, end));
  return starts && ends;
}

// Where the white space before `begin` starts, not before `limit`.
size_t SkipSpaceBackward(std::string_view text, size_t begin, size_t limit) {
  while (begin > limit) {
    const size_t previous = PreviousCodePoint(text, begin);
    if (!IsWhiteSpace(CodePointAt(text, previous))) break;
    begin = previous;
  }
  return std::max(begin, limit);
}

size_t SkipSpaceForward(std::string_view text, size_t end) {
  while (end < text.size()) {
    const char* p = text.data() + end;
    if (!IsWhiteSpace(NextCodePoint(p))) break;
    end = static_cast<size_t>(p - text.data());
  }
  return end;
}

}  // namespace

Result<AddedTokens> AddedTokens::Make(std::vector<AddedToken> tokens, const Normalizer* normalizer,
                                      std::vector<std::string>& warnings) {
  AddedTokens added;
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i + 1 == tokens.size() || tokens[i].id != tokens[i + 1].id) {
      added.tokens_.push_back(std::move(tokens[i]));
    } else {
      warnings.push_back("added_tokens: " + QuoteForMessage(tokens[i].content) +
                         " is never found: its id is also that of " +
                         QuoteForMessage(tokens[i + 1].content));
    }
  }
  NormalizedText normalized;
  size_t bytes = 0;
  for (size_t i = 0; i < added.tokens_.size(); ++i) {
    const AddedToken& token = added.tokens_[i];
    std::string pattern = token.content;
    if (token.normalized && normalizer != nullptr) {
      normalizer->Normalize({token.content, nullptr}, normalized);
      pattern = normalized.bytes;
    }
    const std::string name = "added_tokens: " + QuoteForMessage(token.content);
    const size_t longer = std::max(token.content.size(), pattern.size());
    bytes += longer;
    if (longer > StringMatcher::kMaxPatternBytes || bytes > StringMatcher::kMaxAllBytes)
      return Error{Code::kUnsupported, name + " is too long, or all tokens together are"};
    if (pattern.empty()) return Error{Code::kUnsupported, name + " is empty once normalised"};
    StringMatcher& matcher = token.normalized ? added.normalized_ : added.raw_;
    if (!token.in_text) {
      // Known by its content and its id only.
    } else if (const int32_t other = matcher.ValueOf(pattern); other >= 0) {
      const AddedToken& found = added.tokens_[static_cast<size_t>(other)];
      warnings.push_back(name + " is never found: once normalised it is the same as " +
                         QuoteForMessage(found.content));
    } else {
      matcher.Add(pattern, static_cast<int32_t>(i));
    }
    added.contents_.Add(token.content, static_cast<int32_t>(i));
    added.patterns_.push_back(std::move(pattern));
  }
  return added;
}

void AddedTokens::Split(std::string_view text, Stage stage, std::vector<Piece>& pieces) const {
  pieces.clear();
  const StringMatcher& matcher = stage == Stage::kRaw ? raw_ : normalized_;
  size_t done = 0;  // bytes of `text` that pieces cover
  size_t from = 0;
  size_t begin = 0;
  size_t end = 0;
  size_t space_end = 0;  // of the last white space that was taken
  for (int32_t i; (i = matcher.Find(text, from, begin, end)) >= 0;) {
    from = end;
    const AddedToken& token = tokens_[static_cast<size_t>(i)];
    if (token.single_word && !IsSingleWord(text, begin, end)) continue;
    if (token.lstrip) begin = std::max(SkipSpaceBackward(text, begin, std::min(begin, done)), done);
    if (token.rstrip) end = space_end = SkipSpaceForward(text, std::max(end, space_end));
    if (begin >= end) continue;
    if (done < begin) pieces.push_back({done, begin, nullptr});
    pieces.push_back({begin, end, &token});
    done = end;
  }
  if (done < text.size()) pieces.push_back({done, text.size(), nullptr});
}

const AddedToken* AddedTokens::FindId(TokenId id) const {
  const auto at =
      std::lower_bound(tokens_.begin(), tokens_.end(), id,
                       [](const AddedToken& token, TokenId value) { return token.id < value; });
  return at != tokens_.end() && at->id == id ? &*at : nullptr;
}

const AddedToken* AddedTokens::FindContent(std::string_view content) const {
  const int32_t i = contents_.ValueOf(content);
  return i < 0 ? nullptr : &tokens_[static_cast<size_t>(i)];
}

std::string_view AddedTokens::DecodedText(const AddedToken& token) const {
  return patterns_[static_cast<size_t>(&token - tokens_.data())];
}

bool AddedTokens::IsSpecial(std::string_view text) const {
  const AddedToken* token = FindContent(text);
  return token != nullptr && token->special;
}

}  // namespace minnow
