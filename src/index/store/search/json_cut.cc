// SPDX-License-Identifier: Apache-2.0
#include "index/store/search/json_cut.h"

#include <optional>
#include <vector>

#include "formats/json.h"

namespace minnow {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Walks over valid JSON; stops at the end of whatever else it is given.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  void SkipSpaceAnd(char c) {
    while (!AtEnd() && (IsSpace(text_[at_]) || text_[at_] == c)) ++at_;
  }

  // With its quotes.
  std::string_view String() {
    const size_t begin = at_;
    while (true) {
      at_ = std::min(text_.find('"', at_ + 1), text_.size());
      if (AtEnd()) break;
      size_t escapes = at_;
      while (escapes > begin + 1 && text_[escapes - 1] == '\\') --escapes;
      if ((at_ - escapes) % 2 == 0) break;  // else the quote is one of the text
    }
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(begin, at_ - begin);
  }

  std::string_view Value() {
    const size_t begin = at_;
    size_t depth = 0;
    while (!AtEnd()) {
      const char c = text_[at_];
      if (c == '"') {
        (void)String();
        if (depth == 0) break;
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']' || IsSpace(c))) break;
      if (c == '{' || c == '[') ++depth;
      ++at_;
      if ((c == '}' || c == ']') && --depth == 0) break;
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  const std::string_view text_;
  size_t at_ = 0;
};

// The name that a string in JSON stands for.
std::string NameOf(std::string_view quoted) {
  if (quoted.find('\\') == std::string_view::npos) {
    return std::string(quoted.substr(1, quoted.size() < 2 ? 0 : quoted.size() - 2));
  }
  const auto parsed = JsonDocument::Parse(quoted, "");
  if (!parsed.ok()) return std::string(quoted);
  const auto name = parsed->root().String();
  return name.ok() ? std::string(*name) : std::string(quoted);
}

}  // namespace

std::string CutJson(std::string_view object, std::span<const std::string> attributes) {
  std::string cut = "{";
  Walker walker(object);
  walker.SkipSpaceAnd('{');
  while (walker.Peek() == '"') {
    const std::string_view quoted = walker.String();
    walker.SkipSpaceAnd(':');
    const std::string_view value = walker.Value();
    walker.SkipSpaceAnd(',');
    const std::string name = NameOf(quoted);
    bool whole = false;
    std::vector<std::string> inside;  // of the value, where it is an object
    for (const std::string& attribute : attributes) {
      whole = whole || attribute == name;
      if (attribute.size() > name.size() && attribute[name.size()] == '.' &&
          attribute.starts_with(name)) {
        inside.push_back(attribute.substr(name.size() + 1));
      }
    }
    const bool part = !whole && !inside.empty() && value.starts_with('{');
    if (!whole && !part) continue;
    if (cut.size() > 1) cut += ',';
    cut.append(quoted).append(":");
    cut += part ? CutJson(value, inside) : std::string(value);
  }
  return cut + "}";
}

}  // namespace minnow
