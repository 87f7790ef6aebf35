// SPDX-License-Identifier: Apache-2.0
// Functions first, then windows over what lies between them.
#include "ingest/code/code_documents.h"

#include <algorithm>
#include <map>
#include <span>

#include "formats/json.h"
#include "ingest/code/characters.h"
#include "ingest/code/functions.h"
#include "ingest/code/mask.h"
#include "ingest/file_fields.h"

namespace minnow {
namespace {

constexpr size_t kWindowLines = 60;
constexpr size_t kOverlapLines = 10;
// What is longer, or has longer lines, was made by a program and is not read by people.
constexpr size_t kMaxParsedBytes = size_t{2} << 20;
constexpr size_t kMaxParsedLineBytes = 5000;
constexpr size_t kMaxSignatureBytes = 400;
constexpr size_t kMaxNameBytes = 200;
// A gap between functions with as many telling lines as this is a document whatever its length.
constexpr size_t kMinTellingLines = 3;
// With fewer it is one when it has more words than a comment and a constant have: it would drown
// the function that it went with.
constexpr size_t kMaxLinesWithFunction = 5;

std::vector<size_t> LineStarts(std::string_view text) {
  std::vector<size_t> starts = {0};
  for (size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) {
    if (at + 1 < text.size()) starts.push_back(at + 1);
  }
  return starts;
}

// At most `limit` bytes, and no half of a UTF-8 sequence.
// Runs of white space as one space each.
std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (!IsSpace(c)) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

bool StartsWithAny(std::string_view line, std::span<const std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [line](std::string_view word) { return line.starts_with(word); });
}

bool HasWord(std::string_view text) { return std::any_of(text.begin(), text.end(), IsNameByte); }

bool IsTelling(std::string_view line) {
  constexpr std::string_view kSilent[] = {
      "#include", "#pragma", "#ifndef",   "#define",        "#endif",
      "import ",  "from ",   "package",   "use ",           "using ",
      "// SPDX",  "# SPDX",  "namespace", "} // namespace", "}  // namespace"};
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  const auto names = std::count_if(line.begin(), line.end(), IsNameByte);
  constexpr ptrdiff_t kMinNameBytes = 4;
  return names >= kMinNameBytes && !StartsWithAny(line, kSilent);
}

class Splitter {
 public:
  Splitter(const std::string& path, std::string_view code, const Language& language)
      : path_(path), code_(code), language_(language), lines_(LineStarts(code)) {}

  std::vector<std::string> Split() {
    std::vector<CodeFunction> functions = Functions();
    if (!functions.empty() && GoesWithFunction(functions.back().end, code_.size())) {
      functions.back().end = code_.size();
    }
    size_t at = 0;
    for (CodeFunction& function : functions) {
      if (GoesWithFunction(at, function.begin)) {
        function.begin = BeginOfWords(at);
      } else {
        AddLines(at, function.begin);
      }
      AddFunction(function);
      at = function.end;
    }
    AddLines(at, code_.size());
    return std::move(documents_);
  }

 private:
  std::vector<CodeFunction> Functions() const {
    if (language_.syntax == CodeSyntax::kLines || code_.size() > kMaxParsedBytes) return {};
    for (size_t i = 0; i + 1 < lines_.size(); ++i) {
      if (lines_[i + 1] - lines_[i] > kMaxParsedLineBytes) return {};
    }
    if (code_.size() - lines_.back() > kMaxParsedLineBytes) return {};
    return FindFunctions(code_, MaskCode(code_, language_.syntax), language_.syntax);
  }

  // The line of a byte, from 0.
  size_t LineOf(size_t at) const {
    return static_cast<size_t>(std::upper_bound(lines_.begin(), lines_.end(), at) -
                               lines_.begin()) -
           1;
  }
  size_t LineBegin(size_t line) const { return line < lines_.size() ? lines_[line] : code_.size(); }

  void AddFunction(const CodeFunction& function) {
    const std::string name(CutUtf8(OneLine(function.name), kMaxNameBytes));
    const size_t times = ++seen_[name];
    const std::string id =
        path_ + "#" + name + (times > 1 ? "-" + std::to_string(times) : std::string());
    const std::string_view head = code_.substr(function.head, function.body - function.head);
    const std::string signature(CutUtf8(OneLine(head), kMaxSignatureBytes));
    Write(id, name, signature, function.begin, function.end);
  }

  std::string_view Line(size_t line) const {
    return code_.substr(LineBegin(line), LineBegin(line + 1) - LineBegin(line));
  }

  // Whether [begin, end) between functions is a comment, a constant or two, or what ends a
  // namespace: no passage of its own.
  bool GoesWithFunction(size_t begin, size_t end) const {
    if (begin >= end) return false;
    const size_t last = LineOf(end - 1);
    size_t words = 0, telling = 0;
    for (size_t line = LineOf(begin); line <= last; ++line) {
      const size_t from = std::max(begin, LineBegin(line));
      words += HasWord(code_.substr(from, std::min(end, LineBegin(line + 1)) - from));
      telling += IsTelling(Line(line));
    }
    return words > 0 && words <= kMaxLinesWithFunction && telling < kMinTellingLines &&
           last - LineOf(begin) < kWindowLines;
  }

  // The first line from `begin` on that has a word: brackets that close something are left.
  size_t BeginOfWords(size_t begin) const {
    size_t line = LineOf(begin);
    while (!HasWord(code_.substr(begin, LineBegin(line + 1) - begin))) begin = LineBegin(++line);
    return begin;
  }

  // Windows over the lines of [begin, end).
  void AddLines(size_t begin, size_t end) {
    if (begin >= end) return;
    const size_t last = LineOf(end - 1) + 1;
    size_t written = lines_.size();  // the line of the last window
    for (size_t line = LineOf(begin); line < last;) {
      const size_t stop = std::min(line + kWindowLines, last);
      AddWindow(std::max(begin, LineBegin(line)), std::min(end, LineBegin(stop)), written);
      if (stop == last) break;
      line = stop - kOverlapLines;
    }
  }

  void AddWindow(size_t begin, size_t end, size_t& written) {
    if (!HasWord(code_.substr(begin, end - begin))) return;
    // Blank lines at both ends say nothing.
    while (IsSpace(code_[begin])) ++begin;
    while (IsSpace(code_[end - 1])) --end;
    const size_t line = LineOf(begin);
    // Behind many blank lines this is the beginning of the one before, and more.
    if (line == written) documents_.pop_back();
    written = line;
    Write(path_ + ":" + std::to_string(line + 1), "", "", LineBegin(line), end);
  }

  void Write(const std::string& id, std::string_view name, std::string_view signature, size_t begin,
             size_t end) {
    std::string text;
    JsonWriter json(&text);
    const auto field = [&json](std::string_view key, std::string_view value) {
      if (value.empty()) return;
      json.Key(key);
      json.String(value);
    };
    json.BeginObject();
    WriteFileFields({id, path_, language_.name, "code"}, json);
    field("name", name);
    json.Key("line");
    json.BeginObject();
    json.Key("start");
    json.Uint(LineOf(begin) + 1);
    json.Key("end");
    json.Uint(LineOf(end - 1) + 1);
    json.EndObject();
    field("signature", signature);
    json.Key("text");
    json.String(code_.substr(begin, end - begin));
    json.EndObject();
    documents_.push_back(std::move(text));
  }

  const std::string& path_;
  const std::string_view code_;
  const Language& language_;
  const std::vector<size_t> lines_;
  std::map<std::string, size_t> seen_;
  std::vector<std::string> documents_;
};

}  // namespace

std::vector<std::string> CodeDocuments(const std::string& path, std::string_view code,
                                       const Language& language) {
  return Splitter(path, code, language).Split();
}

}  // namespace minnow
