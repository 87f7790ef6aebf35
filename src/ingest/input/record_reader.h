// SPDX-License-Identifier: Apache-2.0
// RecordReader: cuts a stream into records (lines, CSV records, JSON values) without understanding
// them.
//
// One thread. Memory is bounded by the limit of one record, whatever the size of the input.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/csv.h"
#include "ingest/input/input_stream.h"

namespace minnow {

enum class RecordFormat {
  kLines,  // ends at \n, the last one at the end of the input too; one \r before that is dropped
  kCsv,    // as formats/csv.h has it; where a quote is not closed within the limit, the line is a
           // record of its own, and the next begins behind it
  kJson,   // elements of one array, or values one after another
};

struct RawRecord {
  std::string_view bytes;  // valid until the next call
  size_t line = 0;         // where it begins; the first line is 1
  bool too_long = false;   // above the limit: it was passed over, and `bytes` is empty
  bool unclosed = false;   // of CSV: no quote closes it within the limit; `bytes` is empty
};

class RecordReader {
 public:
  // limit_bytes: of a record, not counting the line break that ends it. `delimiter`: of CSV.
  RecordReader(InputStream stream, RecordFormat format, size_t limit_bytes, char delimiter = ',');

  // The next record; nullopt at the end. Fails with kInternal (cannot read), or kCorrupt where
  // what stands between JSON values is wrong, or very many quotes of CSV are never closed; the
  // message names the stream. After a failure there is no more.
  Result<std::optional<RawRecord>> Next();

  // False when Next would have to wait for whoever writes our input.
  bool ready() const;
  const InputStream& stream() const { return stream_; }
  size_t limit_bytes() const { return limit_bytes_; }

 private:
  struct Scan {
    size_t at = 0;       // bytes of the window that are scanned
    bool begun = false;  // whether a byte of the record was seen; of JSON only
    bool quoted = false;
    bool escaped = false;
    size_t depth = 0;
    CsvScanner csv{','};
    bool returned = false;  // the record of CSV ends at \r, or at a \n behind that
  };

  Result<bool> Begin();
  Result<bool> SkipWhiteSpace();
  Result<bool> BeginJson();
  // Scans on to the end of the record; false where the window does not have it.
  bool FindEnd();
  bool FindEndOfLine();
  bool FindEndOfCsv();
  bool FindEndOfJson();
  Status TakeFirstLine(RawRecord* record);
  std::string_view Content() const;  // of what is scanned
  Status PassOver();

  InputStream stream_;
  const RecordFormat format_;
  const size_t limit_bytes_;
  const char delimiter_;
  size_t unclosed_ = 0;  // records so far
  Scan scan_;
  size_t taken_ = 0;       // bytes of the record given last, still in the window
  bool skipping_ = false;  // the record given last was above the limit, and its end is not reached
  bool started_ = false;
  bool in_array_ = false;
  bool first_ = true;
};

}  // namespace minnow
