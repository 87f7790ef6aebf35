// SPDX-License-Identifier: Apache-2.0
// A source for each format of file.
#include "ingest/document_source.h"

#include <algorithm>
#include <utility>

#include "base/mapped_file.h"
#include "formats/csv.h"
#include "formats/json.h"
#include "ingest/code/code_documents.h"
#include "ingest/csv_records.h"
#include "ingest/file_fields.h"
#include "ingest/input/encoding.h"
#include "ingest/input/record_reader.h"
#include "ingest/kuberian_record.h"
#include "ingest/prose/html.h"
#include "ingest/prose/markdown.h"
#include "ingest/prose/notebook.h"
#include "text/unicode.h"

namespace minnow {
namespace {

constexpr size_t kBeginningBytes = 64 * 1024;

std::string TooLong(size_t limit) { return "longer than " + std::to_string(limit) + " bytes"; }

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

Result<InputStream> OpenText(const FoundFile& file) {
  MINNOW_ASSIGN_OR_RETURN(InputStream stream, InputStream::OpenFile(file.path));
  MINNOW_RETURN_IF_ERROR(stream.BeginText(file.reading.encoding));
  return stream;
}

// The records of a stream that are not blank.
class RecordSource : public DocumentSource {
 public:
  RecordSource(InputStream stream, RecordFormat format, char delimiter = ',')
      : reader_(std::move(stream), format, kMaxDocumentBytes, delimiter) {}

  static Result<std::unique_ptr<RecordSource>> Open(const FoundFile& file, RecordFormat format,
                                                    char delimiter = ',') {
    MINNOW_ASSIGN_OR_RETURN(InputStream stream, OpenText(file));
    return std::make_unique<RecordSource>(std::move(stream), format, delimiter);
  }

  Result<std::optional<SourceItem>> Next() override {
    while (true) {
      MINNOW_ASSIGN_OR_RETURN(const std::optional<RawRecord> record, reader_.Next());
      if (!record) return std::optional<SourceItem>();
      const bool whole = !record->too_long && !record->unclosed;
      if (whole && IsBlank(record->bytes)) continue;
      SourceItem item;
      item.line = record->line;
      if (record->too_long) item.problem = TooLong(reader_.limit_bytes());
      if (record->unclosed) item.problem = "no closing quote";
      if (!IsValidUtf8(record->bytes)) item.problem = NotInEncoding(reader_.stream().encoding());
      if (item.problem.empty()) item.json = record->bytes;
      return std::optional<SourceItem>(std::move(item));
    }
  }

 private:
  RecordReader reader_;
};

// What a record is, without all that a document needs.
enum class RecordKind { kNone, kWithId, kKuberian };

RecordKind KindOfRecord(const SourceItem& item, const IndexSettings& settings) {
  if (!item.problem.empty()) return RecordKind::kNone;
  const auto parsed = JsonDocument::Parse(item.json, "");
  if (!parsed.ok() || !parsed->root().is_object()) return RecordKind::kNone;
  if (!ExtractId(settings, parsed->root()).ok()) return RecordKind::kNone;
  return IsKuberianRecord(parsed->root()) ? RecordKind::kKuberian : RecordKind::kWithId;
}

// Records that are JSON already. The first that can be a document tells whether they are
// Kuberian's, which are rewritten.
class JsonSource : public DocumentSource {
 public:
  JsonSource(std::unique_ptr<RecordSource> records, const IndexSettings& settings)
      : records_(std::move(records)), settings_(settings) {}

  Result<std::optional<SourceItem>> Next() override {
    MINNOW_ASSIGN_OR_RETURN(auto item, records_->Next());
    if (!item || !item->problem.empty()) return item;
    if (kind_ == RecordKind::kNone) kind_ = KindOfRecord(*item, settings_);
    if (kind_ != RecordKind::kKuberian) return item;
    const auto parsed = JsonDocument::Parse(item->json, "");
    // What has no good id stays as it is, and is refused with its line.
    if (parsed.ok() && IsKuberianRecord(parsed->root()) &&
        ExtractId(settings_, parsed->root()).ok()) {
      item->json = KuberianDocument(parsed->root());
    }
    return item;
  }

 private:
  const std::unique_ptr<RecordSource> records_;
  const IndexSettings settings_;
  RecordKind kind_ = RecordKind::kNone;  // of the first that is something
};

class CsvSource : public DocumentSource {
 public:
  CsvSource(std::unique_ptr<RecordSource> records, CsvHeader header)
      : records_(std::move(records)), header_(std::move(header)) {}

  Result<std::optional<SourceItem>> Next() override {
    MINNOW_ASSIGN_OR_RETURN(auto item, records_->Next());
    if (!item || !item->problem.empty()) return item;
    Result<std::string> object = header_.ToJson(item->json);
    if (object.ok()) {
      item->json = std::move(object).value();
    } else {
      item->problem = object.error().message;
    }
    return item;
  }

 private:
  const std::unique_ptr<RecordSource> records_;
  const CsvHeader header_;
};

// Documents that are all there.
class ListSource : public DocumentSource {
 public:
  explicit ListSource(std::vector<std::string> documents) : documents_(std::move(documents)) {}

  Result<std::optional<SourceItem>> Next() override {
    if (next_ == documents_.size()) return std::optional<SourceItem>();
    SourceItem item;
    item.json = std::move(documents_[next_++]);
    return std::optional<SourceItem>(std::move(item));
  }

 private:
  std::vector<std::string> documents_;
  size_t next_ = 0;
};

OpenedSource Skipped(SkipReason reason) { return OpenedSource{nullptr, reason, false}; }

// What the records of a file are, looked at up to the first that can be a document.
struct Glance {
  bool empty = true;
  bool too_long = false;  // some record is
  bool wrong = false;     // some record is not in the file's encoding
  RecordKind kind = RecordKind::kNone;
};

Result<Glance> LookAt(const FoundFile& file, RecordFormat format, const IndexSettings& settings) {
  MINNOW_ASSIGN_OR_RETURN(const auto records, RecordSource::Open(file, format));
  Glance glance;
  while (glance.kind == RecordKind::kNone) {
    const auto item = records->Next();
    // What is no JSON is told by whoever reads the file for good.
    if (!item.ok() && item.error().code != Code::kCorrupt) return item.error();
    glance.empty = glance.empty && item.ok() && !*item;
    if (!item.ok() || !*item) break;
    const std::string& problem = (*item)->problem;
    const bool too_long = problem == TooLong(kMaxDocumentBytes);
    glance.too_long |= too_long;
    glance.wrong |= !problem.empty() && !too_long;
    glance.kind = KindOfRecord(**item, settings);
  }
  return glance;
}

Result<OpenedSource> OpenJson(const FoundFile& file, const IndexSettings& settings) {
  const RecordFormat format =
      file.kind.format == FileFormat::kJson ? RecordFormat::kJson : RecordFormat::kLines;
  MINNOW_ASSIGN_OR_RETURN(const Glance glance, LookAt(file, format, settings));
  if (glance.empty) return Skipped(SkipReason::kEmpty);
  if (!file.named && glance.kind == RecordKind::kNone && !glance.wrong) {
    return Skipped(glance.too_long ? SkipReason::kTooLarge : SkipReason::kNoDocuments);
  }
  MINNOW_ASSIGN_OR_RETURN(auto records, RecordSource::Open(file, format));
  OpenedSource opened;
  opened.kuberian = glance.kind == RecordKind::kKuberian;
  opened.source = std::make_unique<JsonSource>(std::move(records), settings);
  return opened;
}

Result<char> DelimiterOf(const FoundFile& file, const IndexSettings& settings) {
  if (file.reading.delimiter != '\0') return file.reading.delimiter;
  MINNOW_ASSIGN_OR_RETURN(InputStream stream, OpenText(file));
  bool more = true;
  while (more && stream.window().size() < kBeginningBytes) {
    MINNOW_ASSIGN_OR_RETURN(more, stream.Grow());
  }
  std::string_view beginning = stream.window();
  beginning.remove_prefix(std::min(beginning.find_first_not_of("\r\n"), beginning.size()));
  return FindCsvDelimiter(beginning, settings.id_field);
}

// Reads the file twice, since its columns' types are known at its end.
Result<OpenedSource> OpenCsv(const FoundFile& file, const IndexSettings& settings) {
  MINNOW_ASSIGN_OR_RETURN(const char delimiter, DelimiterOf(file, settings));
  MINNOW_ASSIGN_OR_RETURN(auto records, RecordSource::Open(file, RecordFormat::kCsv, delimiter));
  MINNOW_ASSIGN_OR_RETURN(const auto first, records->Next());
  if (!first) return Skipped(SkipReason::kEmpty);
  const std::string& row = first->json;
  const std::string where = file.path + ": line " + std::to_string(first->line) + ": ";
  Result<CsvHeader> header = first->problem.empty()
                                 ? CsvHeader::Parse(row, delimiter, settings)
                                 : Result<CsvHeader>(Error{Code::kInvalidArgument, first->problem});
  if (!header.ok() && !file.named && first->problem.empty() &&
      !CsvHeader::NamesId(row, delimiter, settings)) {
    return Skipped(SkipReason::kNoDocuments);
  }
  if (!header.ok()) return Error{header.error().code, where + header.error().message};
  if (header->unnamed_columns() > 0 && file.reading.note) {
    file.reading.note(where + std::to_string(header->unnamed_columns()) +
                      " column without a name left out");
  }
  while (true) {
    MINNOW_ASSIGN_OR_RETURN(const auto item, records->Next());
    if (!item) break;
    if (item->problem.empty() && !header->Learn(item->json)) break;
  }
  MINNOW_ASSIGN_OR_RETURN(records, RecordSource::Open(file, RecordFormat::kCsv, delimiter));
  MINNOW_RETURN_IF_ERROR(records->Next());
  OpenedSource opened;
  opened.source = std::make_unique<CsvSource>(std::move(records), std::move(header).value());
  return opened;
}

// The first line of `text` that is not UTF-8, from 1.
size_t FindBadLine(std::string_view text) {
  size_t line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (!IsValidUtf8(text.substr(begin, end - begin))) break;
    begin = end + 1;
  }
  return line;
}

// The whole file as UTF-8; nullopt where it is no text.
Result<std::optional<std::string>> ReadText(const FoundFile& file, size_t limit) {
  MINNOW_ASSIGN_OR_RETURN(const std::string bytes, ReadSmallFile(file.path, limit));
  std::optional<TextEncoding> told = file.reading.encoding;
  if (!told && file.kind.format == FileFormat::kHtml && !IsValidUtf8(bytes)) {
    told = FindEncoding(DeclaredCharset(bytes));
    // As browsers take it.
    if (told == TextEncoding::kLatin1) told = TextEncoding::kWindows1252;
    // The declaration was read as ASCII, so it is not true.
    if (told == TextEncoding::kUtf16Le || told == TextEncoding::kUtf16Be) told = std::nullopt;
  }
  const EncodedBeginning beginning =
      FindEncodingOf(std::string_view(bytes).substr(0, kBeginningBytes), told);
  std::string text;
  DecodeText(beginning.encoding, std::string_view(bytes).substr(beginning.mark_bytes),
             /*last=*/true, &text);
  const bool known = file.kind.format != FileFormat::kUnknown || file.named;
  const std::string_view looked_at = std::string_view(text).substr(0, kBeginningBytes);
  if (looked_at.find('\0') != looked_at.npos || (!known && HasControls(looked_at))) {
    return std::optional<std::string>();
  }
  if (IsValidUtf8(text)) return std::optional<std::string>(std::move(text));
  return Error{Code::kInvalidArgument, file.path + ": line " + std::to_string(FindBadLine(text)) +
                                           ": " + NotInEncoding(beginning.encoding)};
}

Result<std::vector<std::string>> DocumentsOf(const FoundFile& file, const std::string& text) {
  switch (file.kind.format) {
    case FileFormat::kCode:
      return CodeDocuments(file.id, text, file.kind.language);
    case FileFormat::kMarkdown:
      return std::vector{MarkdownDocument(file.id, text)};
    case FileFormat::kNotebook:
      return NotebookDocuments(file.id, text);
    case FileFormat::kHtml: {
      const HtmlText page = ReadHtml(text);
      return std::vector{TextDocument({file.id, file.id, "html", "text"}, page.title, page.text)};
    }
    default:
      return std::vector{TextDocument({file.id, file.id, "", "text"}, "", text)};
  }
}

Result<OpenedSource> OpenProse(const FoundFile& file) {
  const size_t limit =
      file.kind.format == FileFormat::kNotebook ? kMaxNotebookBytes : kMaxProseBytes;
  if (file.bytes > limit) return Skipped(SkipReason::kTooLarge);
  MINNOW_ASSIGN_OR_RETURN(const std::optional<std::string> text, ReadText(file, limit));
  if (!text && file.named) {
    return Error{
        Code::kInvalidArgument,
        file.path + ": not text: it has zero bytes (for UTF-16, give --encoding utf-16le)"};
  }
  if (!text) return Skipped(SkipReason::kBinary);
  if (IsBlank(*text)) return Skipped(SkipReason::kEmpty);
  Result<std::vector<std::string>> documents = DocumentsOf(file, *text);
  if (!documents.ok()) return Annotate(std::move(documents).error(), file.path);
  OpenedSource opened;
  opened.source = std::make_unique<ListSource>(std::move(documents).value());
  return opened;
}

}  // namespace

Result<OpenedSource> OpenSource(const FoundFile& file, const IndexSettings& settings) {
  switch (file.kind.format) {
    case FileFormat::kForeign:
      if (!file.named) return Skipped(SkipReason::kForeign);
      return Error{Code::kInvalidArgument, file.path + ": " + std::string(file.kind.foreign.name) +
                                               " files are not read" +
                                               std::string(file.kind.foreign.hint)};
    case FileFormat::kNotProse:
      return file.named ? OpenProse(file) : Result<OpenedSource>(Skipped(SkipReason::kNotProse));
    case FileFormat::kCsv:
      return OpenCsv(file, settings);
    case FileFormat::kJsonLines:
    case FileFormat::kJson:
      return OpenJson(file, settings);
    default:
      return OpenProse(file);
  }
}

Result<OpenedSource> OpenStream(int descriptor, const std::string& name, const FileReading& reading,
                                const IndexSettings& settings) {
  InputStream stream(descriptor, name);
  MINNOW_RETURN_IF_ERROR(stream.BeginText(reading.encoding));
  auto records = std::make_unique<RecordSource>(std::move(stream), RecordFormat::kLines);
  OpenedSource opened;
  opened.source = std::make_unique<JsonSource>(std::move(records), settings);
  return opened;
}

}  // namespace minnow
