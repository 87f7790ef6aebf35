// SPDX-License-Identifier: Apache-2.0
// Added tokens: a trie for each stage, and the rules about white space and words around a match.
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

int32_t StringMatcher::Step(int32_t first_sibling, char byte) const {
  int32_t node = first_sibling;
  while (node >= 0 && nodes_[static_cast<size_t>(node)].byte != byte)
    node = nodes_[static_cast<size_t>(node)].sibling;
  return node;
}

void StringMatcher::Add(std::string_view pattern, int32_t value) {
  int32_t parent = -1;
  for (const char byte : pattern) {
    int32_t& head =
        parent < 0 ? roots_[static_cast<uint8_t>(byte)] : nodes_[static_cast<size_t>(parent)].child;
    int32_t node = Step(head, byte);
    if (node < 0) {
      node = static_cast<int32_t>(nodes_.size());
      const int32_t sibling = head;
      head = node;
      nodes_.push_back({-1, sibling, -1, byte});
    }
    parent = node;
  }
  if (parent >= 0) nodes_[static_cast<size_t>(parent)].value = value;
}

int32_t StringMatcher::Find(std::string_view text, size_t from, size_t& begin, size_t& end) const {
  if (empty()) return -1;
  for (size_t start = from; start < text.size(); ++start) {
    int32_t node = roots_[static_cast<uint8_t>(text[start])];
    int32_t value = -1;
    for (size_t i = start + 1; node >= 0; ++i) {
      if (nodes_[static_cast<size_t>(node)].value >= 0) {
        value = nodes_[static_cast<size_t>(node)].value;
        end = i;
      }
      if (i == text.size()) break;
      node = Step(nodes_[static_cast<size_t>(node)].child, text[i]);
    }
    if (value >= 0) {
      begin = start;
      return value;
    }
  }
  return -1;
}

int32_t StringMatcher::ValueOf(std::string_view pattern) const {
  int32_t node = -1;
  for (size_t i = 0; i < pattern.size(); ++i) {
    node = i == 0 ? roots_[static_cast<uint8_t>(pattern[0])]
                  : Step(nodes_[static_cast<size_t>(node)].child, pattern[i]);
    if (node < 0) return -1;
  }
  return node < 0 ? -1 : nodes_[static_cast<size_t>(node)].value;
}

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
  for (size_t i = 0; i < added.tokens_.size(); ++i) {
    const AddedToken& token = added.tokens_[i];
    std::string pattern = token.content;
    if (token.normalized && normalizer != nullptr) {
      normalizer->Normalize({token.content, nullptr}, normalized);
      pattern = normalized.bytes;
    }
    const std::string name = "added_tokens: " + QuoteForMessage(token.content);
    if (pattern.empty()) return Error{Code::kUnsupported, name + " is empty once normalised"};
    StringMatcher& matcher = token.normalized ? added.normalized_ : added.raw_;
    if (const int32_t other = matcher.ValueOf(pattern); other >= 0) {
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
  for (int32_t i; (i = matcher.Find(text, from, begin, end)) >= 0;) {
    from = end;
    const AddedToken& token = tokens_[static_cast<size_t>(i)];
    if (token.single_word && !IsSingleWord(text, begin, end)) continue;
    if (token.lstrip) begin = std::max(SkipSpaceBackward(text, begin, std::min(begin, done)), done);
    if (token.rstrip) end = SkipSpaceForward(text, end);
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
