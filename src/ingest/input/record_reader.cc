// SPDX-License-Identifier: Apache-2.0
// Ends of records, found byte by byte as the input comes.
#include "ingest/input/record_reader.h"

#include <algorithm>
#include <utility>

namespace minnow {
namespace {

constexpr std::string_view kJsonWhiteSpace = " \t\r\n";
// For each, as much as a record may have is read in vain.
constexpr size_t kMaxUnclosed = 100;

Error WrongAt(const InputStream& stream, const char* what) {
  return Error{Code::kCorrupt,
               stream.name() + ": line " + std::to_string(stream.line()) + ": " + what};
}

}  // namespace

RecordReader::RecordReader(InputStream stream, RecordFormat format, size_t limit_bytes,
                           char delimiter)
    : stream_(std::move(stream)),
      format_(format),
      limit_bytes_(limit_bytes),
      delimiter_(delimiter) {}

Result<std::optional<RawRecord>> RecordReader::Next() {
  if (std::exchange(skipping_, false)) {
    MINNOW_RETURN_IF_ERROR(PassOver());
  }
  stream_.Consume(std::exchange(taken_, 0));
  scan_ = {};
  scan_.csv = CsvScanner(delimiter_);
  MINNOW_ASSIGN_OR_RETURN(const bool there, Begin());
  if (!there) return std::optional<RawRecord>();
  RawRecord record;
  record.line = stream_.line();
  bool more = true;
  while (!FindEnd() && more) {
    if (Content().size() > limit_bytes_) {
      skipping_ = true;
      break;
    }
    MINNOW_ASSIGN_OR_RETURN(more, stream_.Grow());
  }
  const size_t size = Content().size();
  if (format_ == RecordFormat::kCsv && (size > limit_bytes_ || scan_.csv.quoted())) {
    MINNOW_RETURN_IF_ERROR(TakeFirstLine(&record));
    return std::optional<RawRecord>(record);
  }
  record.too_long = size > limit_bytes_;
  taken_ = scan_.at;
  if (!record.too_long) record.bytes = Content();
  return std::optional<RawRecord>(record);
}

// Of a record of CSV that ends nowhere, or too late: what stands in the lines behind is its own
// only if a quote was left open by mistake.
Status RecordReader::TakeFirstLine(RawRecord* record) {
  const std::string_view window = stream_.window().substr(0, scan_.at);
  size_t end = window.find_first_of("\r\n");
  record->unclosed = std::min(end, scan_.at) <= limit_bytes_;
  record->too_long = !record->unclosed;
  if (record->unclosed && ++unclosed_ > kMaxUnclosed) {
    return WrongAt(stream_, "no closing quote, as in 100 records before; the rest is not read");
  }
  skipping_ = end == window.npos && skipping_;
  if (end != window.npos) end += window.substr(end).starts_with("\r\n");
  taken_ = end == window.npos ? scan_.at : end + 1;
  return {};
}

// Passes the rest of a record above the limit: told when that was known, so that an input without
// end is refused.
Status RecordReader::PassOver() {
  bool more = true;
  do {
    stream_.Consume(std::exchange(scan_.at, 0));
    MINNOW_ASSIGN_OR_RETURN(more, stream_.Grow());
  } while (!(format_ == RecordFormat::kJson ? FindEndOfJson() : FindEndOfLine()) && more);
  taken_ = scan_.at;
  return {};
}

// False where the input has no further record.
Result<bool> RecordReader::Begin() {
  if (format_ == RecordFormat::kJson) return BeginJson();
  if (!stream_.window().empty()) return true;
  return stream_.Grow();
}

// False at the end of the input.
Result<bool> RecordReader::SkipWhiteSpace() {
  while (true) {
    const size_t at = stream_.window().find_first_not_of(kJsonWhiteSpace);
    stream_.Consume(at == std::string_view::npos ? stream_.window().size() : at);
    if (at != std::string_view::npos) return true;
    MINNOW_ASSIGN_OR_RETURN(const bool more, stream_.Grow());
    if (!more) return false;
  }
}

// Passes what stands before a value: white space, and in an array its comma.
Result<bool> RecordReader::BeginJson() {
  MINNOW_ASSIGN_OR_RETURN(bool there, SkipWhiteSpace());
  if (!started_) {
    started_ = true;
    if (!there || stream_.window().front() != '[') return there;
    in_array_ = true;
    stream_.Consume(1);
    MINNOW_ASSIGN_OR_RETURN(there, SkipWhiteSpace());
  }
  if (!in_array_) return there;
  if (!there) return WrongAt(stream_, "the file ends inside an array");
  if (stream_.window().front() == ']') {
    stream_.Consume(1);
    MINNOW_ASSIGN_OR_RETURN(there, SkipWhiteSpace());
    if (there) return WrongAt(stream_, "something follows the array");
    in_array_ = false;
    return false;
  }
  if (std::exchange(first_, false)) return true;
  if (stream_.window().front() != ',') return WrongAt(stream_, "expected a comma or ]");
  stream_.Consume(1);
  MINNOW_ASSIGN_OR_RETURN(there, SkipWhiteSpace());
  if (!there) return WrongAt(stream_, "the file ends inside an array");
  return true;
}

bool RecordReader::FindEnd() {
  if (format_ == RecordFormat::kJson) return FindEndOfJson();
  return format_ == RecordFormat::kCsv ? FindEndOfCsv() : FindEndOfLine();
}

bool RecordReader::FindEndOfLine() {
  const std::string_view window = stream_.window();
  const size_t at = window.find('\n', scan_.at);
  scan_.at = at == window.npos ? window.size() : at + 1;
  return at != window.npos;
}

bool RecordReader::FindEndOfCsv() {
  const std::string_view window = stream_.window();
  while (scan_.at < window.size()) {
    if (scan_.returned) {
      scan_.at += window[scan_.at] == '\n';
      return true;
    }
    const char c = window[scan_.at++];
    if (scan_.csv.Step(c) != CsvScanner::Found::kEndOfRecord) continue;
    if (c == '\n') return true;
    scan_.returned = true;
  }
  return false;
}

bool RecordReader::FindEndOfJson() {
  const std::string_view window = stream_.window();
  for (; scan_.at < window.size(); ++scan_.at) {
    const char c = window[scan_.at];
    if (scan_.quoted) {
      if (!scan_.escaped && c == '"') scan_.quoted = false;
      scan_.escaped = !scan_.escaped && c == '\\';
      continue;
    }
    const bool opens = c == '{' || c == '[';
    const bool closes = c == '}' || c == ']';
    // What ends a number or a word is not part of it; elsewhere such a byte is the parser's to
    // refuse.
    const bool delimits = c == ',' || closes || kJsonWhiteSpace.find(c) != kJsonWhiteSpace.npos;
    if (scan_.depth == 0 && scan_.begun && delimits) return true;
    scan_.begun = true;
    if (c == '"') scan_.quoted = true;
    if (opens) ++scan_.depth;
    if (closes && scan_.depth > 0 && --scan_.depth == 0) {
      ++scan_.at;
      return true;
    }
  }
  return false;
}

std::string_view RecordReader::Content() const {
  std::string_view bytes = stream_.window().substr(0, scan_.at);
  if (format_ == RecordFormat::kJson) return bytes;
  if (bytes.ends_with('\n')) bytes.remove_suffix(1);
  if (bytes.ends_with('\r')) bytes.remove_suffix(1);
  return bytes;
}

bool RecordReader::ready() const {
  const std::string_view rest = stream_.window().substr(taken_);
  return rest.find('\n') != rest.npos || stream_.ready();
}

}  // namespace minnow
