// SPDX-License-Identifier: Apache-2.0
// Functions between braces.
#include <algorithm>

#include "ingest/code/characters.h"
#include "ingest/code/function_head.h"
#include "ingest/code/functions.h"

namespace minnow {
namespace {

// Longer heads are no heads.
constexpr size_t kMaxHeadBytes = 2048;
constexpr size_t kMaxContainers = 64;
// Braces that belong to one head: each has it read again.
constexpr size_t kMaxContinued = 32;

size_t LineBegin(std::string_view text, size_t at) {
  const size_t before = at == 0 ? text.npos : text.rfind('\n', at - 1);
  return before == text.npos ? 0 : before + 1;
}

size_t LineEnd(std::string_view text, size_t at) {
  const size_t end = text.find('\n', at);
  return end == text.npos ? text.size() : end + 1;
}

bool IsBlank(std::string_view text) { return std::all_of(text.begin(), text.end(), IsSpace); }

class BraceScanner {
 public:
  BraceScanner(std::string_view code, std::string_view masked, CodeSyntax syntax)
      : code_(code), masked_(masked), syntax_(syntax) {
    MatchBraces();
  }

  std::vector<CodeFunction> Find() {
    for (at_ = 0; at_ < masked_.size(); ++at_) {
      const char c = masked_[at_];
      if (c == '(' || c == '[') ++brackets_;
      if ((c == ')' || c == ']') && brackets_ > 0) --brackets_;
      if (c == ';' && brackets_ == 0) BeginStatement(at_ + 1);
      if (c == '{') Open();
      if (c == '}') Close();
    }
    return std::move(functions_);
  }

 private:
  // For each opening brace, in order, where it closes; npos where it does not.
  void MatchBraces() {
    std::vector<size_t> open;
    for (size_t i = 0; i < masked_.size(); ++i) {
      if (masked_[i] == '{') {
        open.push_back(closing_.size());
        closing_.push_back(masked_.npos);
      } else if (masked_[i] == '}' && !open.empty()) {
        closing_[open.back()] = i;
        open.pop_back();
      }
    }
  }

  void BeginStatement(size_t at) {
    statement_ = at;
    brackets_ = 0;
    continued_ = 0;
  }

  void Open() {
    const size_t brace = brace_++;
    const size_t close = closing_[brace];
    const size_t from = std::max(statement_, at_ - std::min(at_, kMaxHeadBytes));
    const FunctionHead head = ReadFunctionHead(masked_.substr(from, at_ - from), syntax_,
                                               containers_.empty() ? "" : containers_.back());
    const bool closes = close != masked_.npos;
    if (head.kind == HeadKind::kContainer || !closes) {
      if (containers_.size() >= kMaxContainers) return BeginStatement(at_ + 1);
      containers_.push_back(head.kind == HeadKind::kContainer && !head.name.empty() ? head.name
                            : containers_.empty()                                   ? ""
                                                  : containers_.back());
      return BeginStatement(at_ + 1);
    }
    if (head.kind == HeadKind::kFunction) Add(head, from + head.signature, close);
    PassOver(close);
    const bool continues = head.kind == HeadKind::kContinues && ++continued_ <= kMaxContinued;
    if (!continues) BeginStatement(close + 1);
  }

  void Close() {
    if (!containers_.empty()) containers_.pop_back();
    BeginStatement(at_ + 1);
  }

  // Goes on behind the closing brace.
  void PassOver(size_t close) {
    brace_ += static_cast<size_t>(std::count(masked_.begin() + static_cast<ptrdiff_t>(at_) + 1,
                                             masked_.begin() + static_cast<ptrdiff_t>(close), '{'));
    at_ = close;
  }

  void Add(const FunctionHead& head, size_t signature, size_t close) {
    CodeFunction function;
    function.name = head.name;
    function.head = signature;
    function.body = at_;
    const size_t last = functions_.empty() ? 0 : functions_.back().end;
    function.begin = CommentAbove(code_, masked_, signature, last, syntax_);
    // What stands on the last line behind the brace goes with it, unless it is more code.
    const size_t line_end = LineEnd(masked_, close);
    const std::string_view rest = masked_.substr(close + 1, line_end - close - 1);
    function.end = rest.find('{') == rest.npos ? line_end : close + 1;
    if (function.begin < last) function.begin = last;
    if (function.begin <= signature) functions_.push_back(std::move(function));
  }

  const std::string_view code_;
  const std::string_view masked_;
  const CodeSyntax syntax_;
  std::vector<size_t> closing_;
  std::vector<std::string> containers_;
  std::vector<CodeFunction> functions_;
  size_t at_ = 0;
  size_t brace_ = 0;      // opening braces so far
  size_t statement_ = 0;  // where the statement begins
  size_t continued_ = 0;  // braces that belonged to its head
  size_t brackets_ = 0;   // round and square ones open in it
};

}  // namespace

size_t CommentAbove(std::string_view code, std::string_view masked, size_t at, size_t limit,
                    CodeSyntax syntax) {
  size_t begin = LineBegin(code, at);
  while (begin > limit) {
    const size_t above = LineBegin(code, begin - 1);
    const std::string_view line = code.substr(above, begin - above);
    if (IsBlank(line) || !IsBlank(masked.substr(above, begin - above))) break;
    const bool directive = line[line.find_first_not_of(" \t")] == '#';
    if (directive && syntax == CodeSyntax::kC) break;
    begin = above;
  }
  return begin;
}

std::vector<CodeFunction> FindFunctions(std::string_view code, std::string_view masked,
                                        CodeSyntax syntax) {
  if (syntax == CodeSyntax::kLines) return {};
  if (syntax == CodeSyntax::kPython) return FindPythonFunctions(code, masked);
  return BraceScanner(code, masked, syntax).Find();
}

}  // namespace minnow
