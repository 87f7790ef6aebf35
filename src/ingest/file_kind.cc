// SPDX-License-Identifier: Apache-2.0
// A table of suffixes; source code has its own (code/language.cc).
#include "ingest/file_kind.h"

#include <algorithm>
#include <string>

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
    {"sum", FileFormat::kNotProse},    {"ipynb", FileFormat::kNotebook},
    {"tsv", FileFormat::kCsv},         {"tab", FileFormat::kCsv},
    {"html", FileFormat::kHtml},       {"htm", FileFormat::kHtml},
    {"xhtml", FileFormat::kHtml},
};

struct ForeignEntry {
  std::string_view suffixes;  // each between spaces
  ForeignFormat format;
};

constexpr std::string_view kAsText = "; export it as text, Markdown or HTML";
constexpr ForeignEntry kForeign[] = {
    {" pdf ", {"PDF", kAsText}},
    {" doc docx docm rtf pages ", {"Word", kAsText}},
    {" ppt pptx pptm key ", {"PowerPoint", kAsText}},
    {" xls xlsx xlsm xlsb numbers ", {"Excel", "; export it as CSV"}},
    {" odt odp ods ", {"OpenDocument", kAsText}},
    {" epub mobi azw3 djvu chm ", {"e-book", kAsText}},
    {" ps eps ", {"PostScript", kAsText}},
    {" msg pst mbox ", {"mailbox", kAsText}},
    {" parquet arrow feather avro orc ", {"column store", "; export it as JSON lines or CSV"}},
    {" db sqlite sqlite3 ", {"database", "; export it as JSON lines or CSV"}},
    {" zip gz tgz bz2 xz zst 7z rar tar jar whl deb rpm ", {"archive", "; unpack it"}},
    {" png jpg jpeg gif webp bmp tif tiff heic avif ico psd ", {"image", ""}},
    {" mp3 wav flac ogg m4a aac opus ", {"audio", ""}},
    {" mp4 mkv mov avi webm m4v ", {"video", ""}},
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
  for (const ForeignEntry& foreign : kForeign) {
    if (foreign.suffixes.find(" " + suffix + " ") == std::string_view::npos) continue;
    kind.format = FileFormat::kForeign;
    kind.foreign = foreign.format;
  }
  return kind;
}

}  // namespace minnow
