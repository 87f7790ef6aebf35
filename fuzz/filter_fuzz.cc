// SPDX-License-Identifier: Apache-2.0
// Any bytes as a filter, and as the document under it: refused with a position, or the columns say
// what the document's JSON says. Then the same bytes as a search, which must leave no operator
// live, and as a text to be cut into chunks and marked.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "index/query/attribute_table.h"
#include "index/query/chunking.h"
#include "index/query/filter.h"
#include "index/query/lexical/query.h"
#include "index/query/snippet.h"

namespace minnow {
namespace {

void CheckFilter(std::string_view text, std::string_view json) {
  const auto filter = Filter::Parse(text);
  if (!filter.ok()) {
    CHECK(filter.error().message.starts_with("filter: ") && filter.error().message.size() < 500);
    return;
  }
  auto document = JsonDocument::Parse(json, "");
  if (!document.ok())
    document = JsonDocument::Parse(R"({"a": [1, "x", null], "b": {"c": true}})", "");
  const bool expected = filter->Matches(document->root());
  AttributeTable table;
  const auto scan = [&](const AttributeTable::Visitor& visit) {
    visit(1, json);
    return Status();
  };
  const auto scan_fallback = [&](const AttributeTable::Visitor& visit) {
    visit(1, R"({"a": [1, "x", null], "b": {"c": true}})");
    return Status();
  };
  const bool own = JsonDocument::Parse(json, "").ok();
  const auto found = own ? table.Select(*filter, std::string(text), scan)
                         : table.Select(*filter, std::string(text), scan_fallback);
  CHECK(found.ok());
  CHECK((*found)->Contains(1) == expected);
}

void CheckText(std::string_view text) {
  const LexicalQuery query = ParseLexicalQuery(text, true);
  for (const LexicalTerm& term : query.terms) {
    CHECK(term.text.find('"') == std::string::npos && !term.stems.empty());
  }
  SnippetOptions options;
  options.pre = options.post = "";
  const std::string snippet = MakeSnippet(text, std::nullopt, query, {}, options);
  CHECK(snippet.find('<') == std::string::npos);
  const auto words = [](std::string_view piece) { return piece.size() / 4; };
  uint32_t end = 0;
  for (const ChunkRange& chunk : ChunkText(text, {.max_tokens = 16, .overlap_tokens = 4}, words)) {
    CHECK(chunk.begin < chunk.end && chunk.end > end && chunk.end <= text.size());
    end = chunk.end;
  }
}

}  // namespace
}  // namespace minnow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  const std::string_view filter = text.substr(0, line);
  const std::string_view json = line == text.npos ? "" : text.substr(line + 1);
  minnow::CheckFilter(filter, json);
  minnow::CheckText(text);
  return 0;
}
