// SPDX-License-Identifier: Apache-2.0
// A source for each format of file.
#include "ingest/document_source.h"

#include <algorithm>
#include <utility>

#include "base/mapped_file.h"
#include "formats/json.h"
#include "ingest/code/code_documents.h"
#include "ingest/csv_records.h"
#include "ingest/kuberian_record.h"
#include "ingest/markdown.h"
#include "ingest/record_reader.h"
#include "text/unicode.h"

namespace minnow {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string TooLong(size_t limit) { return "longer than " + std::to_string(limit) + " bytes"; }

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

// The records of a stream that are not blank.
class RecordSource : public DocumentSource {
 public:
  RecordSource(InputStream stream, RecordFormat format)
      : reader_(std::move(stream), format, kMaxDocumentBytes) {}

  static Result<std::unique_ptr<RecordSource>> Open(const std::string& path, RecordFormat format) {
    MINNOW_ASSIGN_OR_RETURN(InputStream stream, InputStream::OpenFile(path));
    MINNOW_RETURN_IF_ERROR(stream.SkipByteOrderMark());
    return std::make_unique<RecordSource>(std::move(stream), format);
  }

  Result<std::optional<SourceItem>> Next() override {
    while (true) {
      MINNOW_ASSIGN_OR_RETURN(const std::optional<RawRecord> record, reader_.Next());
      if (!record) return std::optional<SourceItem>();
      if (!record->too_long && IsBlank(record->bytes)) continue;
      SourceItem item;
      item.line = record->line;
      item.json = record->bytes;
      if (record->too_long) item.problem = TooLong(reader_.limit_bytes());
      return std::optional<SourceItem>(std::move(item));
    }
  }

  uint64_t consumed_bytes() const override { return reader_.stream().consumed_bytes(); }

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
    if (parsed.ok() && IsKuberianRecord(parsed->root())) {
      item->json = KuberianDocument(parsed->root());
    }
    return item;
  }

  uint64_t consumed_bytes() const override { return records_->consumed_bytes(); }

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
    Result<std::string> object = header_.ToJson(RepairUtf8(item->json));
    if (object.ok()) {
      item->json = std::move(object).value();
    } else {
      item->problem = object.error().message;
    }
    return item;
  }

  uint64_t consumed_bytes() const override { return records_->consumed_bytes(); }

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
  RecordKind kind = RecordKind::kNone;
};

Result<Glance> LookAt(const std::string& path, RecordFormat format, const IndexSettings& settings) {
  MINNOW_ASSIGN_OR_RETURN(const auto records, RecordSource::Open(path, format));
  Glance glance;
  while (glance.kind == RecordKind::kNone) {
    const auto item = records->Next();
    // What is no JSON is told by whoever reads the file for good.
    if (!item.ok() && item.error().code != Code::kCorrupt) return item.error();
    glance.empty = glance.empty && item.ok() && !*item;
    if (!item.ok() || !*item) break;
    glance.too_long |= !(*item)->problem.empty();
    glance.kind = KindOfRecord(**item, settings);
  }
  return glance;
}

Result<OpenedSource> OpenJson(const FoundFile& file, const IndexSettings& settings) {
  const RecordFormat format =
      file.kind.format == FileFormat::kJson ? RecordFormat::kJson : RecordFormat::kLines;
  MINNOW_ASSIGN_OR_RETURN(const Glance glance, LookAt(file.path, format, settings));
  if (glance.empty) return Skipped(SkipReason::kEmpty);
  if (!file.named && glance.kind == RecordKind::kNone) {
    return Skipped(glance.too_long ? SkipReason::kTooLarge : SkipReason::kNoDocuments);
  }
  MINNOW_ASSIGN_OR_RETURN(auto records, RecordSource::Open(file.path, format));
  OpenedSource opened;
  opened.kuberian = glance.kind == RecordKind::kKuberian;
  opened.source = std::make_unique<JsonSource>(std::move(records), settings);
  return opened;
}

// Reads the file twice, since its columns' types are known at its end.
Result<OpenedSource> OpenCsv(const FoundFile& file, const IndexSettings& settings) {
  MINNOW_ASSIGN_OR_RETURN(auto records, RecordSource::Open(file.path, RecordFormat::kCsv));
  MINNOW_ASSIGN_OR_RETURN(const auto first, records->Next());
  if (!first) return Skipped(SkipReason::kEmpty);
  const std::string row = RepairUtf8(first->json);
  Result<CsvHeader> header = first->problem.empty()
                                 ? CsvHeader::Parse(row, settings)
                                 : Result<CsvHeader>(Error{Code::kInvalidArgument, first->problem});
  if (!header.ok() && !file.named) {
    if (!first->problem.empty()) return Skipped(SkipReason::kTooLarge);
    if (!CsvHeader::NamesId(row, settings)) return Skipped(SkipReason::kNoDocuments);
  }
  if (!header.ok()) {
    return Annotate(std::move(header).error(), file.path + ": line " + std::to_string(first->line));
  }
  while (true) {
    MINNOW_ASSIGN_OR_RETURN(const auto item, records->Next());
    if (!item) break;
    if (item->problem.empty() && !header->Learn(RepairUtf8(item->json))) break;
  }
  MINNOW_ASSIGN_OR_RETURN(records, RecordSource::Open(file.path, RecordFormat::kCsv));
  MINNOW_RETURN_IF_ERROR(records->Next());
  OpenedSource opened;
  opened.source = std::make_unique<CsvSource>(std::move(records), std::move(header).value());
  return opened;
}

Result<OpenedSource> OpenProse(const FoundFile& file) {
  if (file.bytes > kMaxProseBytes) return Skipped(SkipReason::kTooLarge);
  MINNOW_ASSIGN_OR_RETURN(std::string text, ReadSmallFile(file.path, kMaxProseBytes));
  if (text.empty()) return Skipped(SkipReason::kEmpty);
  const bool known = file.kind.format != FileFormat::kUnknown || file.named;
  if (LooksBinary(text, known)) return Skipped(SkipReason::kBinary);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  if (IsBlank(text)) return Skipped(SkipReason::kEmpty);
  text = RepairUtf8(text);
  std::vector<std::string> documents;
  if (file.kind.format == FileFormat::kCode) {
    documents = CodeDocuments(file.id, text, file.kind.language);
  } else if (file.kind.format == FileFormat::kMarkdown) {
    documents.push_back(MarkdownDocument(file.id, text));
  } else {
    documents.push_back(TextDocument(file.id, text));
  }
  OpenedSource opened;
  opened.source = std::make_unique<ListSource>(std::move(documents));
  return opened;
}

}  // namespace

Result<OpenedSource> OpenSource(const FoundFile& file, const IndexSettings& settings) {
  const FileFormat format = file.kind.format;
  if (format == FileFormat::kNotProse && !file.named) return Skipped(SkipReason::kNotProse);
  if (format == FileFormat::kCsv) return OpenCsv(file, settings);
  const bool json = format == FileFormat::kJsonLines || format == FileFormat::kJson;
  return json ? OpenJson(file, settings) : OpenProse(file);
}

Result<OpenedSource> OpenStream(int descriptor, const std::string& name,
                                const IndexSettings& settings) {
  InputStream stream(descriptor, name);
  MINNOW_RETURN_IF_ERROR(stream.SkipByteOrderMark());
  auto records = std::make_unique<RecordSource>(std::move(stream), RecordFormat::kLines);
  OpenedSource opened;
  opened.source = std::make_unique<JsonSource>(std::move(records), settings);
  return opened;
}

}  // namespace minnow
