// SPDX-License-Identifier: Apache-2.0
// One pass over the code; each kind of comment or string is a function that finds its end.
#include "ingest/code/mask.h"

#include <algorithm>
#include <vector>

#include "ingest/code/characters.h"

namespace minnow {
namespace {

class Masker {
 public:
  Masker(std::string_view code, CodeSyntax syntax) : code_(code), syntax_(syntax), out_(code) {}

  std::string Mask() {
    while (at_ < code_.size()) {
      const size_t end = TokenEnd();
      if (end > at_) {
        Blank(end);
      } else {
        if (!IsSpace(code_[at_])) last_ = at_;
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  bool C() const { return syntax_ == CodeSyntax::kC; }
  bool Python() const { return syntax_ == CodeSyntax::kPython; }
  bool JavaScript() const { return syntax_ == CodeSyntax::kJavaScript; }
  bool Rust() const { return syntax_ == CodeSyntax::kRust; }
  bool At(std::string_view text) const { return code_.substr(at_).starts_with(text); }
  char Previous() const { return at_ > 0 ? code_[at_ - 1] : '\n'; }

  void Blank(size_t end) {
    for (; at_ < end; ++at_) {
      if (code_[at_] != '\n') out_[at_] = ' ';
    }
  }

  // The end of the comment or string that begins here; at_ where none does.
  size_t TokenEnd() const {
    const char c = code_[at_];
    if (Python() ? c == '#' : At("//")) return EndOfLine(at_);
    if (!Python() && At("/*")) return EndOfBlockComment();
    if (C() && c == '#' && BeginsLine()) return EndOfDirective();
    if (c == '"') return EndOfDoubleQuoted();
    if (c == '\'') return EndOfSingleQuoted();
    if (c == '`' && syntax_ == CodeSyntax::kGo) return EndOf("`", at_ + 1);
    if (c == '`' && JavaScript()) return EndOfTemplate();
    if (c == '/' && JavaScript() && ExpectsExpression()) return EndOfRegex();
    return at_;
  }

  size_t EndOf(std::string_view closing, size_t from) const {
    const size_t at = code_.find(closing, from);
    return at == code_.npos ? code_.size() : at + closing.size();
  }

  size_t EndOfLine(size_t from) const { return std::min(code_.find('\n', from), code_.size()); }

  size_t EndOfBlockComment() const {
    if (!Rust()) return EndOf("*/", at_ + 2);
    size_t depth = 1;  // Rust's comments nest
    size_t at = at_ + 2;
    while (depth > 0) {
      at = code_.find_first_of("*/", at);
      if (at == code_.npos) return code_.size();
      const std::string_view here = code_.substr(at, 2);
      if (here == "/*") ++depth;
      if (here == "*/") --depth;
      at += here == "/*" || here == "*/" ? 2 : 1;
    }
    return at;
  }

  // A string on one line: an apostrophe that opens nothing costs its line at most.
  size_t EndOfQuoted(char quote, bool multi_line) const {
    for (size_t at = at_ + 1; at < code_.size(); ++at) {
      if (code_[at] == '\\') {
        ++at;
      } else if (code_[at] == quote) {
        return at + 1;
      } else if (code_[at] == '\n' && !multi_line) {
        return at;
      }
    }
    return code_.size();
  }

  size_t EndOfTriple(std::string_view quotes) const {
    for (size_t at = at_ + quotes.size(); at < code_.size(); ++at) {
      if (code_[at] == '\\') {
        ++at;
      } else if (code_.substr(at).starts_with(quotes)) {
        return at + quotes.size();
      }
    }
    return code_.size();
  }

  size_t EndOfDoubleQuoted() const {
    if ((Python() || syntax_ == CodeSyntax::kJava) && At("\"\"\"")) return EndOfTriple("\"\"\"");
    if (C() && Previous() == 'R') {  // R"x( ... )x"
      const size_t open = code_.find('(', at_);
      constexpr size_t kLongestDelimiter = 17;
      if (open != code_.npos && open - at_ <= kLongestDelimiter) {
        return EndOf(")" + std::string(code_.substr(at_ + 1, open - at_ - 1)) + "\"", open);
      }
    }
    if (Rust()) {  // r##" ... "##
      size_t hashes = 0;
      while (hashes < at_ && code_[at_ - 1 - hashes] == '#') ++hashes;
      const bool raw = at_ > hashes && code_[at_ - 1 - hashes] == 'r';
      if (raw) return EndOf("\"" + std::string(hashes, '#'), at_ + 1);
    }
    return EndOfQuoted('"', Rust());
  }

  size_t EndOfSingleQuoted() const {
    if (Python() && At("'''")) return EndOfTriple("'''");
    if (C() && InsideNumber()) return at_;
    if (Rust()) {  // 'x' is a character, 'x alone a lifetime
      const bool escape = code_.substr(at_ + 1).starts_with('\\');
      size_t close = at_ + 2;  // of one UTF-8 sequence
      while (close < code_.size() && IsUtf8Inner(code_[close])) ++close;
      if (!escape && (close >= code_.size() || code_[close] != '\'')) return at_;
    }
    return EndOfQuoted('\'', /*multi_line=*/false);
  }

  // 1'000'000 in C++.
  bool InsideNumber() const {
    constexpr size_t kLongestNumber = 80;
    const size_t first = at_ - std::min(at_, kLongestNumber);
    size_t begin = at_;
    while (begin > first && (IsNameByte(out_[begin - 1]) || out_[begin - 1] == '\'')) --begin;
    return begin < at_ && IsDigit(code_[begin]);
  }

  bool BeginsLine() const {
    size_t at = at_;
    while (at > 0 && (code_[at - 1] == ' ' || code_[at - 1] == '\t')) --at;
    return at == 0 || code_[at - 1] == '\n';
  }

  // The end of a preprocessor line, its continuations included.
  size_t EndOfDirectiveLine(size_t at) const {
    while (true) {
      at = EndOfLine(at);
      size_t last = at;
      if (last > 0 && code_[last - 1] == '\r') --last;
      if (at == code_.size() || last == 0 || code_[last - 1] != '\\') return at;
      ++at;
    }
  }

  static std::string_view DirectiveName(std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of("# \t"), line.size()));
    return line.substr(0,
                       std::min(line.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), line.size()));
  }

  // Of two branches the first is read only: both together often open a brace twice.
  size_t EndOfDirective() const {
    size_t at = EndOfDirectiveLine(at_);
    const std::string_view name = DirectiveName(code_.substr(at_, at - at_));
    if (name != "else" && !name.starts_with("elif")) return at;
    size_t depth = 1;
    while (at < code_.size()) {
      const size_t begin = at + 1;
      at = EndOfDirectiveLine(begin);
      const std::string_view line = code_.substr(begin, at - begin);
      const size_t first = line.find_first_not_of(" \t");
      if (first == line.npos || line[first] != '#') continue;
      const std::string_view inner = DirectiveName(line.substr(first));
      if (inner.starts_with("if")) ++depth;
      if (inner == "endif" && --depth == 0) return at;
    }
    return code_.size();
  }

  // `text ${expression} text`, where the expression may hold strings, braces and templates again.
  size_t EndOfTemplate() const {
    std::vector<char> open = {'`'};
    size_t at = at_ + 1;
    for (; at < code_.size() && !open.empty(); ++at) {
      const char c = code_[at];
      const bool text = open.back() == '`';
      if (c == '\\') {
        ++at;
      } else if (c == '`') {
        if (text) {
          open.pop_back();
        } else {
          open.push_back('`');
        }
      } else if (text && code_.substr(at).starts_with("${")) {
        open.push_back('{');
        ++at;
      } else if (!text && c == '{') {
        open.push_back('{');
      } else if (!text && c == '}') {
        open.pop_back();
      }
    }
    return std::min(at, code_.size());
  }

  // After an operator or `return` a slash begins a regular expression, after a value it divides.
  bool ExpectsExpression() const {
    if (at_ == 0 || last_ == code_.npos) return true;
    const char c = out_[last_];
    if (!IsNameByte(c)) return c != ')' && c != ']' && c != '}' && c != ' ';
    size_t begin = last_ + 1;
    while (begin > 0 && IsNameByte(code_[begin - 1])) --begin;
    const std::string_view word = code_.substr(begin, last_ + 1 - begin);
    constexpr std::string_view kWords[] = {"return", "typeof", "case", "in",
                                           "of",     "await",  "yield"};
    return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
  }

  size_t EndOfRegex() const {
    bool in_class = false;
    for (size_t at = at_ + 1; at < code_.size() && code_[at] != '\n'; ++at) {
      const char c = code_[at];
      if (c == '\\') ++at;
      if (c == '[') in_class = true;
      if (c == ']') in_class = false;
      if (c == '/' && !in_class) return at + 1;
    }
    return at_;  // no regular expression after all
  }

  const std::string_view code_;
  const CodeSyntax syntax_;
  std::string out_;
  size_t at_ = 0;
  size_t last_ = std::string_view::npos;  // the last byte that is code and no white space
};

}  // namespace

std::string MaskCode(std::string_view code, CodeSyntax syntax) {
  return Masker(code, syntax).Mask();
}

}  // namespace minnow
