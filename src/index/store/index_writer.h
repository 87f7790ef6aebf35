// SPDX-License-Identifier: Apache-2.0
// The changes of one index inside one transaction of the writer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "index/sqlite/sqlite.h"
#include "index/store/document.h"
#include "index/store/search_index.h"
#include "index/store/tasks.h"

namespace minnow {

// Lives between BeginWrite and Commit; Finish comes last.
class IndexWriter {
 public:
  IndexWriter(Database* database, int64_t index, const IndexSettings& settings)
      : database_(database), index_(index), settings_(settings) {}

  // `document` has passed CheckDocument.
  Result<DocumentChange> Put(const Document& document);
  // False: there was none.
  Result<bool> Remove(std::string_view key);
  Result<bool> RemoveDocument(int64_t row);
  // False: the chunk is gone, or has its vector. vector: [D] f32, unit length.
  Result<bool> SetVector(int64_t chunk, std::span<const float> vector);
  // All vectors go, all chunks wait.
  Status ForgetVectors();

  // Writes the counts and, where anything changed, the next generation; ends tasks that are done.
  Status Finish();

  // Of what was put, the chunks without a vector: those between are of others.
  TaskChunks waiting_chunks() const { return waiting_chunks_; }

 private:
  Result<Statement> Prepare(std::string_view sql);
  Status Insert(const Document& document, int64_t hash);
  Status NotePendingOf(int64_t row);
  void NoteWaiting(TaskChunks chunks);
  Status RemoveRow(int64_t row, std::string_view json);

  Database* database_;
  const int64_t index_;
  const IndexSettings& settings_;
  int64_t documents_ = 0;  // more (or less, below 0) than before
  int64_t chunks_ = 0;
  int64_t vectors_ = 0;
  int64_t epochs_ = 0;
  bool changed_ = false;
  TaskChunks waiting_chunks_;
};

// The text that a stored document was indexed by.
Result<std::string> TextOfStored(const IndexSettings& settings, std::string_view json,
                                 const std::string& where);
// The words of a document's text, under its row.
Status AddToFullText(Database* database, int64_t index, int64_t row, std::string_view text);

// kInvalidArgument where the store cannot take it.
Status CheckDocument(const IndexSettings& settings, const Document& document);

}  // namespace minnow
