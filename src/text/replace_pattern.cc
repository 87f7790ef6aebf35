// SPDX-License-Identifier: Apache-2.0
// ReplacePattern: reading expressions, and finding what they say.
#include "text/replace_pattern.h"

#include <algorithm>
#include <charconv>

#include "text/component_json.h"
#include "text/unicode.h"

namespace minnow {
namespace {

constexpr size_t kMaxText = 1024;
constexpr std::string_view kSpecial = R"(\.[]{}()*+?^$|)";

bool IsSpecial(char32_t c) {
  return c < 0x80 && kSpecial.find(static_cast<char>(c)) != std::string_view::npos;
}

// Reads an expression from its beginning to its end. Each function gives false for what it does not
// know.
class ExpressionReader {
 public:
  explicit ExpressionReader(std::string_view text)
      : p_(text.data()), end_(text.data() + text.size()) {}

  bool done() const { return p_ == end_; }

  // A character, \s, or [...].
  bool ReadSet(CharacterSet& set) {
    if (done()) return false;
    if (*p_ == '[') return ReadBrackets(set);
    if (*p_ != '\\' && IsSpecial(static_cast<unsigned char>(*p_))) return false;
    char32_t c = 0;
    return ReadCharacter(set, c);
  }

  // Nothing, +, {n,}, {n} or {n,m}, with n > 0.
  bool ReadCount(size_t& at_least, size_t& at_most) {
    at_least = at_most = 1;
    if (done()) return true;
    if (*p_ == '+') {
      ++p_;
      at_most = SIZE_MAX;
      return done();
    }
    if (*p_++ != '{' || !ReadNumber(at_least)) return false;
    at_most = at_least;
    if (!done() && *p_ == ',') {
      ++p_;
      if (done()) return false;
      if (*p_ == '}') {
        at_most = SIZE_MAX;
      } else if (!ReadNumber(at_most)) {
        return false;
      }
    }
    if (done() || *p_++ != '}') return false;
    return done() && at_least > 0 && at_least <= at_most;
  }

 private:
  static constexpr char32_t kIsClass = 0x110000;

  // A character or an escape; `c` is the character, or kIsClass.
  bool ReadCharacter(CharacterSet& set, char32_t& c) {
    c = NextCodePoint(p_);
    if (c == '\\') {
      if (done()) return false;
      c = NextCodePoint(p_);
      if (c == 's') {
        set.white_space = true;
        c = kIsClass;
        return true;
      }
      if (c == 'n' || c == 't' || c == 'r') {
        c = c == 'n' ? '\n' : c == 't' ? '\t' : '\r';
      } else if (c >= 0x80 || IsWord(c)) {
        return false;  // another class
      }
    }
    set.ranges.push_back({c, c});
    return true;
  }

  bool ReadBrackets(CharacterSet& set) {
    ++p_;
    if (!done() && *p_ == '^') {
      set.inverted = true;
      ++p_;
    }
    for (bool first = true; !done(); first = false) {
      if (*p_ == ']') {
        ++p_;
        return !first;
      }
      // Sets in sets, and what is in both of two.
      if (*p_ == '[' || std::string_view(p_, end_).starts_with("&&")) return false;
      char32_t begin = 0;
      if (!ReadCharacter(set, begin)) return false;
      if (end_ - p_ < 2 || *p_ != '-' || p_[1] == ']') continue;
      ++p_;
      char32_t last = 0;
      CharacterSet other;
      if (begin == kIsClass || !ReadCharacter(other, last) || last == kIsClass || last < begin)
        return false;
      set.ranges.back().last = last;
    }
    return false;
  }

  bool ReadNumber(size_t& number) {
    constexpr size_t kMaxCount = 100000;
    const auto [end, error] = std::from_chars(p_, end_, number);
    p_ = end;
    return error == std::errc() && number <= kMaxCount;
  }

  const char* p_;
  const char* const end_;
};

}  // namespace

void CharacterSet::SortRanges() {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  size_t kept = 0;
  for (const Range& range : ranges) {
    if (kept > 0 && range.first <= ranges[kept - 1].last) {
      ranges[kept - 1].last = std::max(ranges[kept - 1].last, range.last);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
}

bool CharacterSet::Contains(char32_t c) const {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), c,
                       [](char32_t v, const Range& range) { return v < range.first; });
  const bool found =
      (white_space && IsWhiteSpace(c)) || (after != ranges.begin() && c <= std::prev(after)->last);
  return found != inverted;
}

Result<ReplacePattern> ReplacePattern::Read(const JsonView& json) {
  MINNOW_RETURN_IF_ERROR(json.Object());
  ReplacePattern pattern;
  if (const auto text = json.Find("String"); text && json.size() == 1) {
    MINNOW_ASSIGN_OR_RETURN(pattern.text_, text->String());
    if (pattern.text_.empty()) return text->Wrong(Code::kUnsupported, "an empty text");
    if (pattern.text_.size() > kMaxText) return text->Wrong(Code::kUnsupported, "a long text");
    return pattern;
  }
  const auto regex = json.Find("Regex");
  if (!regex || json.size() != 1) return json.Expected("an object with String or Regex");
  MINNOW_ASSIGN_OR_RETURN(const std::string_view expression, regex->String());
  ExpressionReader reader(expression);
  CharacterSet set;
  if (reader.ReadSet(set) && reader.ReadCount(pattern.at_least_, pattern.at_most_)) {
    set.SortRanges();
    pattern.set_ = std::move(set);
    return pattern;
  }
  if (expression.empty() || std::any_of(expression.begin(), expression.end(), [](char c) {
        return IsSpecial(static_cast<unsigned char>(c));
      })) {
    return regex->Wrong(Code::kUnsupported,
                        "the expression " + QuoteForMessage(expression) +
                            ": supported are a text, and one character or set with + or {n,}");
  }
  if (expression.size() > kMaxText) return regex->Wrong(Code::kUnsupported, "a long text");
  pattern.text_ = expression;
  return pattern;
}

bool ReplacePattern::Find(std::string_view text, size_t from, TextSpan& match) const {
  if (!set_) {
    const size_t at = text.find(text_, from);
    if (at == std::string_view::npos) return false;
    match = {at, at + text_.size()};
    return true;
  }
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  size_t count = 0;
  size_t start = from;
  for (const char* p = begin + from; p < end;) {
    const auto at = static_cast<size_t>(p - begin);
    if (set_->Contains(NextCodePoint(p))) {
      if (count == 0) start = at;
      if (++count < at_most_) continue;
      match = {start, static_cast<size_t>(p - begin)};
      return true;
    }
    if (count >= at_least_) {
      match = {start, at};
      return true;
    }
    count = 0;
  }
  match = {start, text.size()};
  return count >= at_least_;
}

size_t ReplacePattern::Growth(std::string_view content) const {
  const size_t shortest = set_ ? at_least_ : text_.size();
  return std::max<size_t>((content.size() + shortest - 1) / shortest, 1);
}

}  // namespace minnow
