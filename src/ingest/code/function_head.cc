// SPDX-License-Identifier: Apache-2.0
// Heads of each language, read from their brackets and keywords.
#include "ingest/code/function_head.h"

#include <algorithm>
#include <initializer_list>

#include "ingest/code/characters.h"

namespace minnow {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool OneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

size_t SkipSpace(std::string_view text, size_t at) {
  while (at < text.size() && IsSpace(text[at])) ++at;
  return at;
}

// The end of the last byte before `end` that is no white space.
size_t TrimEnd(std::string_view text, size_t end) {
  while (end > 0 && IsSpace(text[end - 1])) --end;
  return end;
}

size_t NameBegin(std::string_view text, size_t end) {
  while (end > 0 && IsNameByte(text[end - 1])) --end;
  return end;
}

// The word that begins at `at`; empty where none does.
std::string_view WordAt(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && IsNameByte(text[end])) ++end;
  return text.substr(at, end - at);
}

std::string_view WordBefore(std::string_view text, size_t end) {
  end = TrimEnd(text, end);
  const size_t begin = NameBegin(text, end);
  return text.substr(begin, end - begin);
}

// Where `word` stands by itself.
size_t FindWord(std::string_view text, std::string_view word, size_t from = 0) {
  for (size_t at = text.find(word, from); at != kNone; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !IsNameByte(text[at - 1]);
    const size_t end = at + word.size();
    if (begins && (end == text.size() || !IsNameByte(text[end]))) return at;
  }
  return kNone;
}

// The bracket that closes the one at `at`; kNone where none does.
size_t Closing(std::string_view text, size_t at, char open, char close) {
  size_t depth = 0;
  for (size_t i = at; i < text.size(); ++i) {
    if (text[i] == open) ++depth;
    if (text[i] == close && --depth == 0) return i;
  }
  return kNone;
}

// The bracket that opens the one at `at`.
size_t Opening(std::string_view text, size_t at, char open, char close) {
  size_t depth = 0;
  for (size_t i = at + 1; i-- > 0;) {
    if (text[i] == close) ++depth;
    if (text[i] == open && --depth == 0) return i;
  }
  return kNone;
}

bool InBrackets(std::string_view head) {
  int depth = 0;
  for (const char c : head) depth += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
  return depth > 0;
}

size_t HeadLineBegin(std::string_view text, size_t at) {
  const size_t before = at == 0 ? kNone : text.rfind('\n', at - 1);
  return before == kNone ? 0 : before + 1;
}

std::string Qualified(std::string_view container, std::string_view separator,
                      std::string_view name) {
  if (container.empty()) return std::string(name);
  return std::string(container) + std::string(separator) + std::string(name);
}

FunctionHead Continues() { return FunctionHead{HeadKind::kContinues, "", 0}; }

// --- Go: func (r *Receiver) Name(...) ... {

FunctionHead ReadGo(std::string_view head) {
  size_t func = head.rfind("\nfunc ");
  func = func == kNone ? (head.starts_with("func ") ? 0 : kNone) : func + 1;
  if (func == kNone) return {};
  const std::string_view text = head.substr(func);
  if (InBrackets(text)) return Continues();
  if (OneOf(WordBefore(text, text.size()), {"interface", "struct"})) return Continues();
  FunctionHead found;
  found.signature = func;
  size_t at = SkipSpace(text, 5);
  std::string receiver;
  if (at < text.size() && text[at] == '(') {
    const size_t close = Closing(text, at, '(', ')');
    if (close == kNone) return {};
    // (p *Pod[T]): the type is the last word before a bracket.
    std::string_view inside = text.substr(at + 1, close - at - 1);
    inside = inside.substr(0, std::min(inside.find('['), inside.size()));
    receiver = WordBefore(inside, inside.size());
    if (inside.find('*') != kNone) receiver = "(*" + receiver + ")";
    at = SkipSpace(text, close + 1);
  }
  const std::string_view name = WordAt(text, at);
  if (name.empty()) return {};
  found.kind = HeadKind::kFunction;
  found.name = Qualified(receiver, ".", name);
  return found;
}

// --- Rust: fn name ..., impl Trait for Type, mod, trait

// "impl<T> Trait for a::Type<T> where" -> "Type"
std::string ImplName(std::string_view head, size_t at) {
  const size_t where = FindWord(head, "where", at);
  std::string_view type = head.substr(at, where == kNone ? kNone : where - at);
  if (const size_t target = FindWord(type, "for"); target != kNone) {
    type = type.substr(target + 3);
  } else if (const size_t first = SkipSpace(type, 0); first < type.size() && type[first] == '<') {
    const size_t close = Closing(type, first, '<', '>');
    type = type.substr(close == kNone ? type.size() : close + 1);
  }
  type = type.substr(0, std::min(type.find('<'), type.size()));
  return std::string(WordBefore(type, type.size()));
}

FunctionHead ReadRust(std::string_view head) {
  FunctionHead found;
  found.signature = SkipSpace(head, 0);
  if (const size_t fn = FindWord(head, "fn"); fn != kNone) {
    if (InBrackets(head)) return Continues();
    const std::string_view name = WordAt(head, SkipSpace(head, fn + 2));
    if (name.empty()) return {};
    found.kind = HeadKind::kFunction;
    found.name = name;
    return found;
  }
  for (const std::string_view word : {"impl", "trait", "mod"}) {
    const size_t at = FindWord(head, word);
    if (at == kNone) continue;
    found.kind = HeadKind::kContainer;
    if (word == "impl") found.name = ImplName(head, at + 4);
    if (word == "trait") found.name = WordAt(head, SkipSpace(head, at + 5));
    return found;
  }
  return {};
}

// --- C, C++, Java: name(...) and what may follow

// The name that ends before the bracket at `open`, with its qualifiers; for C++ operators too.
std::string_view NameBefore(std::string_view head, size_t open) {
  const size_t end = TrimEnd(head, open);
  size_t begin = NameBegin(head, end);
  constexpr size_t kOperatorBytes = 24;
  const size_t from = end - std::min(end, kOperatorBytes);
  const size_t at = head.substr(from, end - from).rfind("operator");
  const std::string_view spaced = at == kNone ? "" : head.substr(from + at, 9);
  if (at != kNone && (begin == end || spaced == "operator ")) begin = from + at;
  if (begin == end) return {};
  while (begin > 0) {  // Class::name, ~Class, Class<T>::name
    if (head[begin - 1] == '~') {
      --begin;
    } else if (begin >= 2 && head.substr(begin - 2, 2) == "::") {
      size_t before = begin - 2;
      if (before > 0 && head[before - 1] == '>') {
        before = Opening(head, before - 1, '<', '>');
        if (before == kNone) break;
      }
      const size_t class_begin = NameBegin(head, before);
      if (class_begin == before) break;
      begin = class_begin;
    } else {
      break;
    }
  }
  return head.substr(begin, end - begin);
}

bool IsMacro(std::string_view name) {  // not S::S
  return !name.empty() && name.find_first_of("abcdefghijklmnopqrstuvwxyz~:") == kNone;
}

// May this stand between a function's arguments and its body?
bool FollowsArguments(std::string_view rest) {
  const size_t at = SkipSpace(rest, 0);
  if (at == rest.size()) return true;
  const std::string_view tail = rest.substr(at);
  if (tail.starts_with("->") || tail.starts_with("[[") || tail.starts_with(":") ||
      tail.starts_with("&")) {
    return !tail.starts_with("::");
  }
  const std::string_view word = WordAt(tail, 0);
  if (IsMacro(word)) {  // NO_THREAD_SAFETY_ANALYSIS
    const size_t open = SkipSpace(tail, word.size());
    const bool called = open < tail.size() && tail[open] == '(';
    const size_t close = called ? Closing(tail, open, '(', ')') : word.size() - 1;
    return close != kNone && SkipSpace(tail, close + 1) == tail.size();
  }
  return OneOf(word, {"const", "noexcept", "override", "final", "throw", "throws", "try",
                      "requires", "volatile", "__attribute__"});
}

struct Arguments {
  std::string_view name;
  size_t open = kNone;
  size_t close = kNone;
  bool call_operator = false;
};

// The first name(...) of the head that a body may follow.
Arguments FindArguments(std::string_view head, size_t from) {
  for (size_t open = head.find('(', from); open != kNone;) {
    size_t close = Closing(head, open, '(', ')');
    if (close == kNone) return {};
    const std::string_view name = NameBefore(head, open);
    const bool call_operator = name.ends_with("operator");
    if (call_operator) {  // operator()(...)
      const size_t next = SkipSpace(head, close + 1);
      if (next < head.size() && head[next] == '(') close = Closing(head, next, '(', ')');
      if (close == kNone) return {};
    }
    if (!name.empty() && FollowsArguments(head.substr(close + 1))) {
      return {name, open, close, call_operator};
    }
    open = head.find('(', close + 1);
  }
  return {};
}

// TEST(Suite, Name): what a macro makes is named by its arguments.
std::string MacroName(std::string_view head, const Arguments& arguments) {
  std::string name;
  for (const char c : head.substr(arguments.open + 1, arguments.close - arguments.open - 1)) {
    if (IsNameByte(c) || c == ':') name += c;
    if (c == ',') name += '.';
  }
  return name;
}

// Behind "template <...>", labels such as "public:", and what a macro left on lines of its own.
size_t SkipPrefixes(std::string_view head) {
  size_t at = SkipSpace(head, 0);
  while (at < head.size()) {
    const std::string_view word = WordAt(head, at);
    const size_t next = SkipSpace(head, at + word.size());
    const bool label = OneOf(word, {"public", "private", "protected", "signals", "slots"}) &&
                       next < head.size() && head[next] == ':' &&
                       !head.substr(next).starts_with("::");
    if (!label) break;
    at = SkipSpace(head, next + 1);
  }
  return at;
}

// Where the type of "class [[a]] B(x) Name final : Base" is named.
std::string ClassName(std::string_view head, size_t at) {
  std::string name;
  while (at < head.size() && head[at] != ':' && head[at] != '<') {
    if (head[at] == '(' || head[at] == '[') {
      const size_t close = Closing(head, at, head[at], head[at] == '(' ? ')' : ']');
      at = close == kNone ? head.size() : close + 1;
    } else if (IsNameByte(head[at])) {
      const std::string_view word = WordAt(head, at);
      if (OneOf(word, {"extends", "implements", "permits"})) break;
      if (word != "final") name = word;
      at += word.size();
    } else {
      ++at;
    }
  }
  return name;
}

// `=` that is neither part of an operator's name nor a default in brackets.
bool Assigns(std::string_view head) {
  int depth = 0;
  for (size_t i = 0; i < head.size(); ++i) {
    depth += head[i] == '(' || head[i] == '<' ? 1 : head[i] == ')' || head[i] == '>' ? -1 : 0;
    if (head[i] == '=' && depth <= 0 && head.substr(0, i).find("operator") == kNone) return true;
  }
  return false;
}

// A colon that is none of "::".
bool HasInitialisers(std::string_view rest) {
  for (size_t at = rest.find(':'); at != kNone; at = rest.find(':', at + 1)) {
    if (!rest.substr(at).starts_with("::")) return true;
    ++at;
  }
  return false;
}

FunctionHead ReadC(std::string_view whole, std::string_view container) {
  FunctionHead found;
  found.signature = SkipPrefixes(whole);
  const std::string_view head = whole.substr(found.signature);
  if (InBrackets(head)) return Continues();
  size_t from = 0;
  if (WordAt(head, 0) == "template") {
    const size_t open = SkipSpace(head, 8);
    const size_t close =
        open < head.size() && head[open] == '<' ? Closing(head, open, '<', '>') : kNone;
    if (close != kNone) from = close + 1;
  }
  const std::string_view tail = head.substr(from);
  const Arguments arguments = FindArguments(head, from);
  if (!arguments.name.empty() && !Assigns(head.substr(from, arguments.open - from))) {
    if (OneOf(arguments.name, {"if", "for", "while", "switch", "catch", "return", "sizeof",
                               "alignas", "decltype", "__attribute__"})) {
      return {};
    }
    // Foo() : member_{1}: not yet the body.
    const bool after_name = IsNameByte(head.back()) || head.back() == '>';
    if (after_name && HasInitialisers(head.substr(arguments.close + 1))) return Continues();
    found.kind = HeadKind::kFunction;
    const std::string_view before = head.substr(from, arguments.name.data() - head.data() - from);
    const bool macro = SkipSpace(before, 0) == before.size() && container != arguments.name &&
                       IsMacro(arguments.name);
    if (macro) found.name = MacroName(head, arguments);
    if (found.name.empty()) found.name = Qualified(container, "::", arguments.name);
    if (arguments.call_operator) found.name += "()";
    return found;
  }
  if (Assigns(tail)) return {};
  if (FindWord(tail, "enum") != kNone) return {};
  for (const std::string_view word : {"class", "struct", "union"}) {
    const size_t at = FindWord(tail, word);
    if (at == kNone) continue;
    found.kind = HeadKind::kContainer;
    found.name = ClassName(tail, at + word.size());
    return found;
  }
  if (FindWord(tail, "namespace") != kNone || WordAt(tail, 0) == "extern") {
    found.kind = HeadKind::kContainer;
  }
  return found;
}

FunctionHead ReadJava(std::string_view head, std::string_view container) {
  FunctionHead found;
  found.signature = SkipSpace(head, 0);
  if (InBrackets(head)) return Continues();
  for (const std::string_view word : {"class", "interface", "enum", "record"}) {
    const size_t at = FindWord(head, word);
    // A type comes before every bracket but those of annotations.
    if (at == kNone || (at > 0 && head[at - 1] == '.')) continue;
    const std::string_view name = WordAt(head, SkipSpace(head, at + word.size()));
    if (name.empty() || IsDigit(name[0])) continue;
    found.kind = HeadKind::kContainer;
    found.name = name;
    return found;
  }
  if (Assigns(head)) return {};
  const Arguments arguments = FindArguments(head, 0);
  if (arguments.name.empty() || container.empty() ||
      OneOf(arguments.name, {"if", "for", "while", "switch", "catch", "synchronized", "try"})) {
    return {};
  }
  found.kind = HeadKind::kFunction;
  found.name = Qualified(container, ".", arguments.name);
  return found;
}

// --- JavaScript and TypeScript: function name(...), name(...), name = (...) =>

// Where the arguments that end the head open, behind a return type or arrow; kNone where none do.
size_t ScriptArguments(std::string_view head, bool& arrow) {
  size_t end = TrimEnd(head, head.size());
  arrow = end >= 2 && head.substr(end - 2, 2) == "=>";
  if (arrow) end = TrimEnd(head, end - 2);
  const size_t close = head.substr(0, end).rfind(')');
  if (close == kNone) return kNone;
  const std::string_view type = head.substr(close + 1, end - close - 1);
  const size_t first = SkipSpace(type, 0);
  // "): Promise<void> {" but not ") + x {"
  if (first < type.size() && (type[first] != ':' || type.find_first_of("=\n;") != kNone)) {
    return kNone;
  }
  return Opening(head, close, '(', ')');
}

// The name that a function is given: const NAME =, NAME:, this.a.NAME =.
std::string_view AssignedName(std::string_view head, size_t end) {
  end = TrimEnd(head, end);
  if (end == 0 || (head[end - 1] != '=' && head[end - 1] != ':')) return {};
  end = TrimEnd(head, end - 1);
  const size_t line = HeadLineBegin(head, end);
  // const f: Type = ...
  const std::string_view before = head.substr(line, end - line);
  if (const size_t colon = before.find(':'); colon != kNone) end = TrimEnd(head, line + colon);
  const size_t begin = NameBegin(head, end);
  return head.substr(begin, end - begin);
}

FunctionHead ReadScript(std::string_view head, std::string_view container) {
  FunctionHead found;
  found.kind = HeadKind::kContainer;  // callbacks and literals hold functions too
  const size_t end = TrimEnd(head, head.size());
  const size_t class_at = FindWord(head, "class");
  if (class_at != kNone && head.find("=>") == kNone && FindWord(head, "function") == kNone) {
    const std::string_view name = WordAt(head, SkipSpace(head, class_at + 5));
    if (name != "extends") found.name = name;
    return found;
  }
  bool arrow = false;
  const size_t open = ScriptArguments(head, arrow);
  if (open == kNone && InBrackets(head) && !arrow) return Continues();
  if (open == kNone && !arrow) return found;
  // f(): {a: string} {
  if (open != kNone && head[end - 1] == ':') return Continues();
  std::string_view name;
  size_t at = open == kNone ? NameBegin(head, TrimEnd(head, end - 2)) : TrimEnd(head, open);
  if (!arrow) name = WordBefore(head, at);
  const bool anonymous = arrow || name == "function" || name == "async";
  if (anonymous) {
    // Back over "async", "function", "function*".
    for (std::string_view word = WordBefore(head, at); OneOf(word, {"async", "function"});
         word = WordBefore(head, at)) {
      at = static_cast<size_t>(word.data() - head.data());
    }
    name = AssignedName(head, at);
  }
  if (name.empty() || OneOf(name, {"if", "for", "while", "switch", "catch", "with", "return"})) {
    return found;
  }
  found.kind = HeadKind::kFunction;
  found.name = Qualified(container, ".", name);
  found.signature = HeadLineBegin(head, static_cast<size_t>(name.data() - head.data()));
  found.signature = SkipSpace(head, found.signature);
  return found;
}

}  // namespace

FunctionHead ReadFunctionHead(std::string_view head, CodeSyntax syntax,
                              std::string_view container) {
  switch (syntax) {
    case CodeSyntax::kC:
      return ReadC(head, container);
    case CodeSyntax::kGo:
      return ReadGo(head);
    case CodeSyntax::kJava:
      return ReadJava(head, container);
    case CodeSyntax::kJavaScript:
      return ReadScript(head, container);
    case CodeSyntax::kRust: {
      FunctionHead found = ReadRust(head);
      if (found.kind == HeadKind::kFunction) found.name = Qualified(container, "::", found.name);
      return found;
    }
    case CodeSyntax::kPython:
    case CodeSyntax::kLines:
      break;
  }
  return {};
}

}  // namespace minnow
