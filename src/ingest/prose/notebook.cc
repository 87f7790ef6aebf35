// SPDX-License-Identifier: Apache-2.0
// Cells in order, under the heading that stands above them.
#include "ingest/prose/notebook.h"

#include "formats/json.h"
#include "ingest/file_fields.h"
#include "ingest/prose/markdown.h"

namespace minnow {
namespace {

// A string, or the lines of one.
std::string SourceOf(const JsonView& cell) {
  auto source = cell.Find("source");
  if (!source) source = cell.Find("input");  // format 3
  if (!source) return {};
  if (source->is_string()) return std::string(*source->String());
  std::string text;
  for (const JsonView line : source->Items()) {
    if (line.is_string()) text += *line.String();
  }
  return text;
}

std::string_view TextMember(const JsonView& object, std::string_view name) {
  const auto member = object.Find(name);
  return member && member->is_string() ? *member->String() : std::string_view();
}

constexpr size_t kMaxLanguageBytes = 64;

std::string LanguageOf(const JsonView& notebook) {
  for (const auto& [part, name] :
       {std::pair("language_info", "name"), {"kernelspec", "language"}}) {
    const auto metadata = notebook.Find("metadata");
    const auto about = metadata ? metadata->Find(part) : std::nullopt;
    const std::string_view language = about ? TextMember(*about, name) : std::string_view();
    // It stands in the document of every cell.
    if (!language.empty()) return std::string(CutUtf8(language, kMaxLanguageBytes));
  }
  return "python";
}

class Cells {
 public:
  Cells(const std::string& path, std::string language)
      : path_(path), language_(std::move(language)) {}

  void Add(const JsonView& cell) {
    ++number_;
    const std::string text = SourceOf(cell);
    if (text.find_first_not_of(" \t\r\n") == text.npos) return;
    const std::string_view type = TextMember(cell, "cell_type");
    const bool code = type == "code", markdown = type == "markdown";
    if (markdown) {
      std::string heading = FirstHeading(text);
      if (!heading.empty()) title_ = std::move(heading);
    }
    const std::string id = path_ + "#cell-" + std::to_string(number_);
    documents_.push_back(TextDocument({id, path_,
                                       code       ? std::string_view(language_)
                                       : markdown ? "markdown"
                                                  : "",
                                       code ? "code" : "text"},
                                      title_, text));
  }

  std::vector<std::string> Take() { return std::move(documents_); }

 private:
  const std::string& path_;
  const std::string language_;
  std::string title_;
  size_t number_ = 0;
  std::vector<std::string> documents_;
};

}  // namespace

Result<std::vector<std::string>> NotebookDocuments(const std::string& path, std::string_view json) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, ""));
  const JsonView notebook = document.root();
  Cells cells(path, LanguageOf(notebook));
  const auto listed = notebook.Find("cells");
  const auto sheets = notebook.Find("worksheets");  // format 3
  if (!listed && !sheets) return Error{Code::kInvalidArgument, "no notebook: it has no cells"};
  if (listed) {
    for (const JsonView cell : listed->Items()) cells.Add(cell);
  }
  for (size_t i = 0; sheets && i < sheets->size(); ++i) {
    const auto below = sheets->at(i).Find("cells");
    for (size_t j = 0; below && j < below->size(); ++j) cells.Add(below->at(j));
  }
  return cells.Take();
}

}  // namespace minnow
