// SPDX-License-Identifier: Apache-2.0
// HTML of snippets back to text, and escapes for terminals.
#include "cli/search_text.h"

#include <cstdio>
#include <utility>

#include "cli/output.h"
#include "formats/json.h"
#include "text/unicode.h"

namespace minnow {
namespace {

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kFaint = "\x1b[2m";
constexpr const char* kNormal = "\x1b[0m";
constexpr size_t kMaxShownId = 200;
constexpr size_t kMaxShownTitle = 100;

constexpr std::pair<std::string_view, char> kEntities[] = {
    {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&#39;", '\''}};

std::string WithoutEntities(std::string_view html) {
  std::string text;
  while (!html.empty()) {
    size_t taken = 1;
    char c = html[0];
    for (const auto& [entity, character] : kEntities) {
      if (!html.starts_with(entity)) continue;
      taken = entity.size();
      c = character;
    }
    text += c;
    html.remove_prefix(taken);
  }
  return text;
}

// One line, with the marks as `begin` and `end`.
std::string Marked(std::string_view marked, std::string_view begin, std::string_view end) {
  const std::string text = RepairUtf8(marked);
  std::string line;
  for (const char* p = text.data(); p < text.data() + text.size();) {
    const char32_t c = NextCodePoint(p);
    if (c == static_cast<char32_t>(*kHitBegin)) {
      line += begin;
    } else if (c == static_cast<char32_t>(*kHitEnd)) {
      line += end;
    } else if (!IsControl(c) && c != ' ') {
      AppendUtf8(c, line);
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

std::string Shortened(const std::string& line, size_t limit) {
  if (line.size() <= limit) return line;
  size_t end = limit;
  while (end > 0 && IsUtf8Continuation(line[end])) --end;
  return line.substr(0, end) + "…";
}

// The document's title or signature, where it has one.
std::string TitleOf(const std::string& json) {
  const auto document = JsonDocument::Parse(json, "");
  if (!document.ok()) return "";
  for (const std::string_view field : {"title", "signature"}) {
    const auto value = document->root().Find(field);
    if (value && value->is_string()) return OneLine(*value->String());
  }
  return "";
}

}  // namespace

std::string OneLine(std::string_view text) { return Marked(text, "", ""); }

std::string PlainSnippet(std::string_view snippet) {
  return Marked(WithoutEntities(snippet), "", "");
}

std::string AnswerText(const SearchAnswer& answer, bool terminal) {
  const std::string bold = terminal ? kBold : "";
  const std::string faint = terminal ? kFaint : "";
  const std::string normal = terminal ? kNormal : "";
  if (answer.hits.empty()) return "no hits\n";
  std::string text;
  size_t rank = 0;
  for (const SearchHit& hit : answer.hits) {
    char head[48];
    std::snprintf(head, sizeof head, "%2zu  %.3f  ", ++rank, hit.rerank_score.value_or(hit.score));
    const std::string id = OneLine(hit.id);
    const std::string title = Shortened(TitleOf(hit.json), kMaxShownTitle);
    text += head + bold + Shortened(id, kMaxShownId) + normal;
    if (!title.empty() && title != id) text += "  " + faint + title + normal;
    text += "\n";
    const std::string snippet = Marked(WithoutEntities(hit.snippet), bold, normal);
    if (!snippet.empty()) text += "           " + snippet + "\n";
  }
  return text;
}

}  // namespace minnow
