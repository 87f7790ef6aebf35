// SPDX-License-Identifier: Apache-2.0
// Functions of Python: a def, and the lines that are indented further.
#include <algorithm>
#include <optional>

#include "ingest/code/characters.h"
#include "ingest/code/functions.h"

namespace minnow {
namespace {

struct Line {
  size_t begin = 0;
  size_t end = 0;          // behind the line break
  size_t indent = 0;       // of what is not masked; a tab counts as 8 at most, as Python has it
  bool blank = true;       // in masked code
  bool continued = false;  // it began inside brackets
};

std::vector<Line> ReadLines(std::string_view masked) {
  std::vector<Line> lines;
  size_t brackets = 0;
  for (size_t at = 0; at < masked.size();) {
    Line line;
    line.begin = at;
    line.end = std::min(masked.find('\n', at), masked.size() - 1) + 1;
    line.continued = brackets > 0;
    for (; at < line.end; ++at) {
      const char c = masked[at];
      if (line.blank && c == ' ') ++line.indent;
      if (line.blank && c == '\t') line.indent = (line.indent / 8 + 1) * 8;
      if (!IsSpace(c)) line.blank = false;
      if (c == '(' || c == '[' || c == '{') ++brackets;
      if ((c == ')' || c == ']' || c == '}') && brackets > 0) --brackets;
    }
    lines.push_back(line);
  }
  return lines;
}

struct Definition {
  bool is_class = false;
  std::string_view name;
};

std::optional<Definition> ReadDefinition(std::string_view line) {
  const auto take = [&line](std::string_view word) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (!line.starts_with(word) || line.size() == word.size()) return false;
    if (line[word.size()] != ' ' && line[word.size()] != '\t') return false;
    line.remove_prefix(word.size());
    return true;
  };
  Definition definition;
  definition.is_class = take("class");
  if (!definition.is_class) {
    take("async");
    if (!take("def")) return std::nullopt;
  }
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  size_t end = 0;
  while (end < line.size() && IsNameByte(line[end])) ++end;
  definition.name = line.substr(0, end);
  if (definition.name.empty()) return std::nullopt;
  return definition;
}

class PythonScanner {
 public:
  PythonScanner(std::string_view code, std::string_view masked)
      : code_(code), masked_(masked), lines_(ReadLines(masked)) {}

  std::vector<CodeFunction> Find() {
    size_t decorators = lines_.size();  // the first line of those above
    for (size_t i = 0; i < lines_.size();) {
      const Line& line = lines_[i];
      if (line.blank || line.continued) {
        ++i;
        continue;
      }
      while (!classes_.empty() && line.indent <= classes_.back().indent) classes_.pop_back();
      const auto definition = ReadDefinition(Masked(line));
      const size_t first = std::min(decorators, i);
      const bool decorator =
          masked_[line.begin + masked_.substr(line.begin).find_first_not_of(" \t")] == '@';
      if (!decorator) decorators = lines_.size();
      if (decorator) decorators = first;
      if (definition && !definition->is_class) {
        i = Add(*definition, first, i);
        continue;
      }
      if (definition) classes_.push_back({std::string(definition->name), line.indent});
      ++i;
    }
    return std::move(functions_);
  }

 private:
  struct Class {
    std::string name;
    size_t indent;
  };

  std::string_view Masked(const Line& line) const {
    return masked_.substr(line.begin, line.end - line.begin);
  }

  // The line behind the function.
  size_t Add(const Definition& definition, size_t first, size_t def) {
    size_t next = def + 1;
    size_t end = next;
    for (; next < lines_.size(); ++next) {
      const Line& line = lines_[next];
      if (line.blank) {
        // A comment or the text of a string: with the function while it is indented.
        const std::string_view text = code_.substr(line.begin, line.end - line.begin);
        const size_t indent = text.find_first_not_of(" \t\r\n");
        if (indent != text.npos && indent > lines_[def].indent) end = next + 1;
        continue;
      }
      if (!line.continued && line.indent <= lines_[def].indent) break;
      end = next + 1;
    }
    CodeFunction function;
    for (const Class& outer : classes_) function.name += outer.name + ".";
    function.name += definition.name;
    const size_t last = functions_.empty() ? 0 : functions_.back().end;
    function.begin = CommentAbove(code_, masked_, lines_[first].begin, last, CodeSyntax::kPython);
    function.head = lines_[def].begin;
    function.end = lines_[end - 1].end;
    function.body = EndOfHead(def, end);
    functions_.push_back(std::move(function));
    return end;
  }

  // The colon of the def: outside brackets, on one of its continued lines.
  size_t EndOfHead(size_t def, size_t end) const {
    size_t last = def;
    while (last + 1 < end && lines_[last + 1].continued) ++last;
    size_t depth = 0;
    for (size_t at = lines_[def].begin; at < lines_[last].end; ++at) {
      const char c = masked_[at];
      if (c == '(' || c == '[' || c == '{') ++depth;
      if ((c == ')' || c == ']' || c == '}') && depth > 0) --depth;
      if (c == ':' && depth == 0) return at;
    }
    return lines_[last].end;
  }

  const std::string_view code_;
  const std::string_view masked_;
  const std::vector<Line> lines_;
  std::vector<Class> classes_;
  std::vector<CodeFunction> functions_;
};

}  // namespace

std::vector<CodeFunction> FindPythonFunctions(std::string_view code, std::string_view masked) {
  return PythonScanner(code, masked).Find();
}

}  // namespace minnow
