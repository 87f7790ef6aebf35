// SPDX-License-Identifier: Apache-2.0
// A source for each format of file.
#include "tasks/ingest/document_source.h"

#include <algorithm>
#include <utility>

#include "base/mapped_file.h"
#include "formats/json.h"
#include "tasks/ingest/code/code_documents.h"
#include "tasks/ingest/csv_records.h"
#include "tasks/ingest/kuberian_record.h"
#include "tasks/ingest/markdown.h"
#include "tasks/ingest/record_reader.h"
#include "text/unicode.h"

namespace minnow {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string TooLong(size_t limit) { return "longer than " + std::to_string(limit) + " bytes"; }

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

// Records of a stream, the first of which can be looked at before.
class RecordSource : public DocumentSource {
 public:
  RecordSource(InputStream stream, RecordFormat format)
      : reader_(std::move(stream), format, kMaxDocumentBytes) {}

  // The first record that is not blank, kept for Next; empty where there is none.
  Result<std::optional<SourceItem>> Peek() {
    if (!peeked_) {
      MINNOW_ASSIGN_OR_RETURN(auto first, Read());
      peeked_ = std::move(first);
    }
    return *peeked_;
  }

  Result<std::optional<SourceItem>> Next() override {
    if (peeked_) {
      std::optional<SourceItem> first = *std::move(peeked_);
      peeked_.reset();
      return first;
    }
    return Read();
  }

  uint64_t consumed_bytes() const override { return reader_.stream().consumed_bytes(); }

 private:
  Result<std::optional<SourceItem>> Read() {
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

  RecordReader reader_;
  std::optional<std::optional<SourceItem>> peeked_;
};

// Records that are JSON already; Kuberian's are rewritten.
class JsonSource : public DocumentSource {
 public:
  JsonSource(std::unique_ptr<RecordSource> records, bool kuberian)
      : records_(std::move(records)), kuberian_(kuberian) {}

  Result<std::optional<SourceItem>> Next() override {
    MINNOW_ASSIGN_OR_RETURN(auto item, records_->Next());
    if (!kuberian_ || !item || !item->problem.empty()) return item;
    const auto parsed = JsonDocument::Parse(item->json, "");
    if (parsed.ok() && IsKuberianRecord(parsed->root())) {
      item->json = KuberianDocument(parsed->root());
    }
    return item;
  }

  uint64_t consumed_bytes() const override { return records_->consumed_bytes(); }

 private:
  const std::unique_ptr<RecordSource> records_;
  const bool kuberian_;
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

bool HasId(const SourceItem& item, const IndexSettings& settings) {
  const auto parsed = JsonDocument::Parse(item.json, "");
  return parsed.ok() && parsed->root().is_object() && ExtractId(settings, parsed->root()).ok();
}

Result<OpenedSource> OpenJson(InputStream stream, RecordFormat format, bool named,
                              const IndexSettings& settings) {
  MINNOW_RETURN_IF_ERROR(stream.SkipByteOrderMark());
  auto records = std::make_unique<RecordSource>(std::move(stream), format);
  const auto first = records->Peek();
  if (!first.ok() && named) return first.error();
  if (!first.ok()) return Skipped(SkipReason::kNoDocuments);
  if (!*first) return Skipped(SkipReason::kEmpty);
  if (!named && !HasId(**first, settings)) return Skipped(SkipReason::kNoDocuments);
  OpenedSource opened;
  const auto parsed = JsonDocument::Parse((*first)->json, "");
  opened.kuberian = parsed.ok() && IsKuberianRecord(parsed->root());
  opened.source = std::make_unique<JsonSource>(std::move(records), opened.kuberian);
  return opened;
}

Result<OpenedSource> OpenCsv(InputStream stream, bool named, const IndexSettings& settings) {
  MINNOW_RETURN_IF_ERROR(stream.SkipByteOrderMark());
  const std::string name = stream.name();
  auto records = std::make_unique<RecordSource>(std::move(stream), RecordFormat::kCsv);
  MINNOW_ASSIGN_OR_RETURN(const auto first, records->Next());
  if (!first) return Skipped(SkipReason::kEmpty);
  Result<CsvHeader> header = first->problem.empty()
                                 ? CsvHeader::Parse(RepairUtf8(first->json), settings)
                                 : Result<CsvHeader>(Error{Code::kInvalidArgument, first->problem});
  if (!header.ok() && !named) return Skipped(SkipReason::kNoDocuments);
  if (!header.ok()) {
    return Annotate(std::move(header).error(), name + ": line " + std::to_string(first->line));
  }
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
  const bool json = format == FileFormat::kJsonLines || format == FileFormat::kJson;
  if (!json && format != FileFormat::kCsv) return OpenProse(file);
  MINNOW_ASSIGN_OR_RETURN(InputStream stream, InputStream::OpenFile(file.path));
  if (format == FileFormat::kCsv) return OpenCsv(std::move(stream), file.named, settings);
  return OpenJson(std::move(stream),
                  format == FileFormat::kJson ? RecordFormat::kJson : RecordFormat::kLines,
                  file.named, settings);
}

Result<OpenedSource> OpenStream(int descriptor, const std::string& name,
                                const IndexSettings& settings) {
  return OpenJson(InputStream(descriptor, name), RecordFormat::kLines, /*named=*/true, settings);
}

}  // namespace minnow
