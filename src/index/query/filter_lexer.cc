// SPDX-License-Identifier: Apache-2.0
#include "index/query/filter_lexer.h"

#include <charconv>
#include <cmath>

#include "formats/json.h"
#include "index/query/characters.h"

namespace minnow {
namespace {

bool SplitsTokens(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool BeginsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsNamePart(char c) { return BeginsName(c) || IsDigit(c) || c == '-'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

void AppendCodePoint(unsigned c, std::string& out) {
  const auto byte = [&out](unsigned b) { out += static_cast<char>(b); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)),
        byte(0x80 | (c & 0x3F));
  }
}

bool IsHighSurrogate(unsigned c) { return c >= 0xD800 && c < 0xDC00; }
bool IsLowSurrogate(unsigned c) { return c >= 0xDC00 && c < 0xE000; }

}  // namespace

Error FilterLexer::WrongAt(size_t offset, std::string_view message) const {
  size_t position = 1;
  for (size_t i = 0; i < offset; ++i) {
    if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) ++position;
  }
  return Error{Code::kInvalidArgument,
               what_ + ": position " + std::to_string(position) + ": " + std::string(message)};
}

Error FilterLexer::Expected(std::string_view expected) const {
  const std::string got =
      token_.type == FilterToken::Type::kEnd ? "the end" : QuoteForMessage(token_.text);
  return Wrong("expected " + std::string(expected) + ", got " + got);
}

bool FilterLexer::IsKeyword(std::string_view keyword) const {
  if (token_.type != FilterToken::Type::kName || token_.text.size() != keyword.size()) return false;
  for (size_t i = 0; i < keyword.size(); ++i) {
    if (Lower(token_.text[i]) != Lower(keyword[i])) return false;
  }
  return true;
}

Status FilterLexer::Next() {
  while (at_ < text_.size() && SplitsTokens(text_[at_])) ++at_;
  token_ = {};
  token_.offset = at_;
  if (at_ == text_.size()) return {};
  const char c = text_[at_];
  const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  if (BeginsName(c)) return ReadName();
  const bool sign = c == '-' || c == '+';
  if (IsDigit(c) || ((sign || c == '.') && IsDigit(next)) || (sign && next == '.')) {
    return ReadNumber();
  }
  if (c == '"' || c == '\'' || c == '`') return ReadQuoted(c);
  size_t length = 0;
  if (std::string_view("()[],.=<>").find(c) != std::string_view::npos) length = 1;
  if (next == '=' && std::string_view("=!<>").find(c) != std::string_view::npos) length = 2;
  if (length == 0) {
    size_t end = at_ + 1;  // of the whole character
    while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
    return WrongAt(at_, "did not expect " + QuoteForMessage(text_.substr(at_, end - at_)));
  }
  token_.type = FilterToken::Type::kSymbol;
  token_.text = text_.substr(at_, length);
  at_ += length;
  return {};
}

Status FilterLexer::ReadName() {
  size_t end = at_;
  while (end < text_.size() && IsNamePart(text_[end])) ++end;
  token_.type = FilterToken::Type::kName;
  token_.text = text_.substr(at_, end - at_);
  token_.value = token_.text;
  at_ = end;
  return {};
}

Status FilterLexer::ReadNumber() {
  size_t end = at_ + 1;
  while (end < text_.size() &&
         (IsNamePart(text_[end]) || text_[end] == '.' ||
          (text_[end] == '+' && (text_[end - 1] == 'e' || text_[end - 1] == 'E')))) {
    ++end;
  }
  token_.type = FilterToken::Type::kNumber;
  token_.text = text_.substr(at_, end - at_);
  const char* begin = token_.text.data() + (token_.text[0] == '+' ? 1 : 0);
  const char* const last = token_.text.data() + token_.text.size();
  const auto [stop, problem] = std::from_chars(begin, last, token_.number);
  if (problem == std::errc::result_out_of_range) {
    return Wrong("a number out of range: " + QuoteForMessage(token_.text));
  }
  if (problem != std::errc() || stop != last || !std::isfinite(token_.number)) {
    return Wrong("not a number: " + QuoteForMessage(token_.text));
  }
  at_ = end;
  return {};
}

Status FilterLexer::ReadQuoted(char quote) {
  const size_t start = at_++;
  token_.type = quote == '`' ? FilterToken::Type::kQuotedName : FilterToken::Type::kString;
  for (; at_ < text_.size(); ++at_) {
    if (text_[at_] == quote) {
      ++at_;
      token_.text = text_.substr(start, at_ - start);
      return {};
    }
    if (text_[at_] == '\\' && quote != '`') {
      MINNOW_RETURN_IF_ERROR(ReadEscape(at_));
    } else {
      token_.value += text_[at_];
    }
  }
  return WrongAt(start, std::string("no closing ") + quote);
}

// Leaves at_ at the escape's last byte.
Status FilterLexer::ReadEscape(size_t start) {
  static constexpr std::string_view kLetters = "\"'\\/bfnrt";
  static constexpr std::string_view kMeanings = "\"'\\/\b\f\n\r\t";
  if (++at_ == text_.size()) return WrongAt(start, "an escape is cut short");
  const size_t letter = kLetters.find(text_[at_]);
  if (letter != std::string_view::npos) {
    token_.value += kMeanings[letter];
    return {};
  }
  if (text_[at_] != 'u') {
    return WrongAt(start, "no such escape in a string; a backslash is written \\\\");
  }
  MINNOW_ASSIGN_OR_RETURN(unsigned c, ReadHex(start));
  if (IsHighSurrogate(c) && text_.substr(at_ + 1).starts_with("\\u")) {
    at_ += 2;
    MINNOW_ASSIGN_OR_RETURN(const unsigned low, ReadHex(start));
    if (!IsLowSurrogate(low)) return WrongAt(start, "half of a surrogate pair");
    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
  }
  if (IsHighSurrogate(c) || IsLowSurrogate(c)) return WrongAt(start, "half of a surrogate pair");
  AppendCodePoint(c, token_.value);
  return {};
}

// Four digits after at_; leaves at_ at the last one.
Result<unsigned> FilterLexer::ReadHex(size_t start) {
  constexpr size_t kDigits = 4;
  const std::string_view digits = text_.substr(std::min(at_ + 1, text_.size()), kDigits);
  unsigned value = 0;
  const auto [stop, problem] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (problem != std::errc() || digits.size() < kDigits || stop != digits.data() + kDigits) {
    return WrongAt(start, "expected four hexadecimal digits after \\u");
  }
  at_ += kDigits;
  return value;
}

}  // namespace minnow
