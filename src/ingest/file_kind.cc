// SPDX-License-Identifier: Apache-2.0
// A table of suffixes; source code has its own (code/language.cc).
#include "ingest/file_kind.h"

#include <algorithm>
#include <string>

#include "text/unicode.h"

namespace minnow {
namespace {

struct Entry {
  std::string_view suffix;
  FileFormat format;
};

constexpr Entry kSuffixes[] = {
    {"jsonl", FileFormat::kJsonLines}, {"ndjson", FileFormat::kJsonLines},
    {"json", FileFormat::kJson},       {"csv", FileFormat::kCsv},
    {"md", FileFormat::kMarkdown},     {"markdown", FileFormat::kMarkdown},
    {"mdx", FileFormat::kMarkdown},    {"txt", FileFormat::kText},
    {"text", FileFormat::kText},       {"rst", FileFormat::kText},
    {"adoc", FileFormat::kText},       {"asciidoc", FileFormat::kText},
    {"org", FileFormat::kText},        {"tex", FileFormat::kText},
    {"log", FileFormat::kText},        {"svg", FileFormat::kNotProse},
    {"map", FileFormat::kNotProse},    {"lock", FileFormat::kNotProse},
    {"sum", FileFormat::kNotProse},    {"ipynb", FileFormat::kNotProse},
};

}  // namespace

FileKind KindOf(std::string_view name) {
  FileKind kind;
  if (const auto language = LanguageOf(name)) {
    kind.format = FileFormat::kCode;
    kind.language = *language;
    return kind;
  }
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return kind;
  std::string suffix(name.substr(dot + 1));
  for (char& c : suffix) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto* entry = std::find_if(std::begin(kSuffixes), std::end(kSuffixes),
                                   [&](const Entry& e) { return e.suffix == suffix; });
  if (entry != std::end(kSuffixes)) kind.format = entry->format;
  return kind;
}

bool LooksBinary(std::string_view text, bool known_text) {
  constexpr size_t kLookedAt = 64 * 1024;
  const std::string_view beginning = text.substr(0, kLookedAt);
  if (beginning.find('\0') != beginning.npos) return true;
  if (known_text) return false;
  // The last character may be cut.
  constexpr size_t kMaxCut = 3;
  const size_t max_cut = beginning.size() < text.size() ? kMaxCut : 0;
  for (size_t cut = 0; cut <= max_cut; ++cut) {
    if (IsValidUtf8(beginning.substr(0, beginning.size() - cut))) return false;
  }
  return true;
}

}  // namespace minnow
