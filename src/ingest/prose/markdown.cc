// SPDX-License-Identifier: Apache-2.0
// Front matter and headings, line by line; fenced code has no headings.
#include "ingest/prose/markdown.h"

#include <algorithm>
#include <map>
#include <vector>

#include "formats/json.h"
#include "ingest/file_fields.h"
#include "ingest/prose/yaml.h"

namespace minnow {
namespace {

constexpr size_t kMaxTitleBytes = 300;
constexpr size_t kMaxSections = 1000;
constexpr size_t kMaxFrontMatterLines = 200;

struct Section {
  std::string title;
  std::string anchor;
  size_t begin = 0;
};

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The line at `at`, without its end; moves `at` behind it.
std::string_view TakeLine(std::string_view text, size_t& at) {
  const size_t end = std::min(text.find('\n', at), text.size());
  std::string_view line = text.substr(at, end - at);
  at = std::min(end + 1, text.size());
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view Unquoted(std::string_view value) {
  value = Trim(value);
  if (value.size() < 2 || (value[0] != '"' && value[0] != '\'') || value.back() != value[0]) {
    return value;
  }
  return value.substr(1, value.size() - 2);
}

struct FrontMatter {
  size_t end = 0;  // where the text begins
  std::string title;
};

// In one line.
std::string Joined(std::string_view text) {
  std::string joined;
  for (const char c : Trim(text)) {
    const bool space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (!space || !joined.ends_with(' ')) joined += space ? ' ' : c;
  }
  return joined;
}

FrontMatter ReadFrontMatter(std::string_view text) {
  size_t at = 0;
  const std::string_view fence = Trim(TakeLine(text, at));
  if (fence != "---" && fence != "+++") return {};
  const size_t begin = at;
  std::string_view title;  // as its line alone has it: of TOML, and of YAML that is none
  for (size_t lines = 0; at < text.size() && lines < kMaxFrontMatterLines; ++lines) {
    const size_t line_begin = at;
    const std::string_view line = TakeLine(text, at);
    const std::string_view end = line.substr(0, line.find_last_not_of(" \t") + 1);
    if (end == fence || (fence == "---" && end == "...")) {
      const std::string_view inside = text.substr(begin, line_begin - begin);
      const auto found = fence == "---" ? FindYamlText(inside, "title") : std::nullopt;
      return {at, Joined(found ? *found : title)};
    }
    const size_t colon = line.find(fence == "---" ? ':' : '=');
    if (colon != line.npos && Trim(line.substr(0, colon)) == "title" && line[0] == 't') {
      title = Unquoted(line.substr(colon + 1));
    }
  }
  return {};  // nothing ends it: a rule, not front matter
}

// "## Title {#anchor} ##" -> its level; 0 for no heading.
size_t HeadingLevel(std::string_view line) {
  const size_t first = std::min(line.find_first_not_of(' '), line.size());
  const size_t level = std::min(line.find_first_not_of('#', first), line.size()) - first;
  const size_t after = first + level;
  const bool spaced = after == line.size() || line[after] == ' ' || line[after] == '\t';
  return first <= 3 && level >= 1 && level <= 6 && spaced ? level : 0;
}

// Takes an explicit {#anchor} off the title.
std::string_view TakeAnchor(std::string_view& title) {
  const size_t open = title.rfind("{#");
  if (open == title.npos || !title.ends_with('}')) return {};
  const std::string_view anchor = title.substr(open + 2, title.size() - open - 3);
  title = Trim(title.substr(0, open));
  return anchor;
}

// As GitHub makes them: lower case, punctuation gone, spaces to dashes; other alphabets stay.
std::string AnchorOf(std::string_view title) {
  std::string anchor;
  for (const char c : title) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool kept = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                      c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (c == ' ') anchor += '-';
    if (kept) anchor += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return anchor;
}

bool IsFence(std::string_view line) {
  line = Trim(line);
  return line.starts_with("```") || line.starts_with("~~~");
}

std::vector<Section> ReadSections(std::string_view text, size_t limit = kMaxSections) {
  std::vector<Section> sections;
  std::map<std::string, size_t> seen;
  std::string_view fence;  // "```" inside fenced code
  for (size_t at = 0; at < text.size() && sections.size() < limit;) {
    const size_t begin = at;
    const std::string_view line = TakeLine(text, at);
    if (IsFence(line)) {
      const std::string_view mark = Trim(line).substr(0, 3);
      if (fence.empty()) {
        fence = mark;
      } else if (fence == mark) {
        fence = {};
      }
    }
    const size_t level = fence.empty() ? HeadingLevel(line) : 0;
    if (level == 0) continue;
    std::string_view title = Trim(Trim(line).substr(level));
    const std::string_view given = TakeAnchor(title);
    const size_t closing = title.find_last_not_of("# ");
    if (title.ends_with('#') && closing != title.npos) title = Trim(title.substr(0, closing + 1));
    Section section;
    section.anchor = given.empty() ? AnchorOf(title) : std::string(given);
    const size_t times = seen[section.anchor]++;
    if (times > 0) section.anchor += "-" + std::to_string(times);
    section.title = CutUtf8(title, kMaxTitleBytes);
    section.begin = begin;
    sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace

std::string MarkdownDocument(const std::string& path, std::string_view text) {
  const FrontMatter front = ReadFrontMatter(text);
  const std::string_view body = text.substr(front.end);
  const std::vector<Section> sections = ReadSections(body);
  std::string_view title = front.title;
  if (title.empty() && !sections.empty()) title = sections.front().title;
  if (title.empty()) title = FileName(path);
  std::string out;
  JsonWriter json(&out);
  json.BeginObject();
  WriteFileFields({path, path, "markdown", "text"}, json);
  json.Key("title");
  json.String(CutUtf8(title, kMaxTitleBytes));
  json.Key("sections");
  json.BeginArray();
  for (const Section& section : sections) {
    json.BeginObject();
    json.Key("title");
    json.String(section.title);
    json.Key("anchor");
    json.String(section.anchor);
    json.Key("begin");
    json.Uint(section.begin);
    json.EndObject();
  }
  json.EndArray();
  json.Key("text");
  json.String(body);
  json.EndObject();
  return out;
}

std::string FirstHeading(std::string_view text) {
  const std::vector<Section> sections = ReadSections(text, /*limit=*/1);
  return sections.empty() ? std::string() : sections.front().title;
}

}  // namespace minnow
