// SPDX-License-Identifier: Apache-2.0
// The words of a filter expression. Used by filter_parser.cc only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace minnow {

struct FilterToken {
  enum class Type { kEnd, kName, kQuotedName, kNumber, kString, kSymbol };
  Type type = Type::kEnd;
  size_t offset = 0;      // bytes
  std::string_view text;  // as written
  std::string value;      // of names and strings: without quotes and escapes
  double number = 0;
};

class FilterLexer {
 public:
  // `what` opens messages.
  FilterLexer(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  // Reads the next token into token(). Fails where no token can begin or end.
  Status Next();
  const FilterToken& token() const { return token_; }

  // Whether the token is that word of the language, in any case.
  bool IsKeyword(std::string_view keyword) const;
  bool IsSymbol(std::string_view symbol) const {
    return token_.type == FilterToken::Type::kSymbol && token_.text == symbol;
  }
  // "<what>: position 7: <message>", of the current token.
  Error Wrong(std::string_view message) const { return WrongAt(token_.offset, message); }
  // The same: "expected <expected>, got <token>".
  Error Expected(std::string_view expected) const;

 private:
  Error WrongAt(size_t offset, std::string_view message) const;
  Status ReadName();
  Status ReadNumber();
  Status ReadQuoted(char quote);
  Status ReadEscape(size_t start);
  Result<unsigned> ReadHex(size_t start);

  const std::string_view text_;
  const std::string what_;
  size_t at_ = 0;
  FilterToken token_;
};

}  // namespace minnow
