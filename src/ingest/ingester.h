// SPDX-License-Identifier: Apache-2.0
// Ingester: files into an index, many documents in one transaction.
//
// One thread; the pool prepares documents. Documents are stored and found by words when a batch is
// written; their vectors come later (pending_embedder.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/store/search_index.h"
#include "ingest/added_from.h"
#include "ingest/document_source.h"
#include "ingest/prepare.h"

namespace minnow {

struct IngestCounts {
  size_t files = 0;  // that gave documents
  size_t added = 0;
  size_t replaced = 0;
  size_t unchanged = 0;
  size_t rejected = 0;
  size_t deleted = 0;

  size_t documents() const { return added + replaced + unchanged; }
};

// What happens on the way.
class IngestObserver {
 public:
  virtual ~IngestObserver() = default;
  // A record or file gives no document: "docs/a.jsonl: line 7: id: ...".
  virtual void Rejected(const std::string& message) = 0;
  virtual void Skipped(const std::string& path, SkipReason reason) = 0;
  // Asked after every batch; false: no more.
  virtual bool Progress(const IngestCounts& counts) = 0;
};

class Ingester {
 public:
  // All of them outlive it. It keeps some 40 bytes in mind for each document that is added.
  Ingester(SearchIndex* index, const Chunker* chunker, ThreadPool* pool, IngestObserver* observer);

  // Adds the file's documents, some of which may wait for Flush. False: the observer wants no more.
  // What is wrong with the file goes to the observer, and of documents with one id all but the
  // first; fails as SearchIndex does.
  Result<bool> Add(const FoundFile& file);
  Result<bool> Add(DocumentSource& source, const std::string& name);
  Result<bool> Flush();
  // Counts and tells what the walk could not take. What was of it, or below it, stays.
  void Reject(const WalkProblem& problem);

  // Deletes documents of files below `prefixes` (file_walk.h) that were not among those added since
  // construction: their file is gone, or has them no more. Records (JSON, CSV) and documents of
  // requests stay, whatever fields they have (FilePathOf). Stops where `from` refuses, which looks
  // before each batch. REQUIRES: flushed, and never stopped.
  Status Prune(const std::vector<std::string>& prefixes, const AddedFrom& from);

  const IngestCounts& counts() const { return counts_; }
  // Files of which a document was replaced, once for each.
  const std::vector<std::string>& replaced_files() const { return replaced_files_; }

 private:
  struct Place {
    uint32_t source = 0;  // in sources_
    uint32_t line = 0;    // 0: of no line, or of one beyond
  };
  struct Raw {
    Place place;
    std::string json;
  };

  void NoteReplaced(const std::string& json);
  std::string Where(Place place) const;
  // The documents that are good and not there yet.
  std::vector<Document> Accept(std::vector<Result<Document>> prepared);
  bool IsUnreadable(std::string path) const;
  uint64_t HashOf(const std::string& id) const;

  SearchIndex* const index_;
  const Chunker* const chunker_;
  ThreadPool* const pool_;
  IngestObserver* const observer_;
  const IndexSettings settings_;
  IngestCounts counts_;
  std::vector<std::string> replaced_files_;
  std::vector<Raw> raw_;
  size_t raw_bytes_ = 0;
  std::vector<std::string> sources_;  // names for messages
  const uint64_t seed_;  // of the hashes, by chance: nobody makes two ids that have the same
  std::unordered_map<uint64_t, Place> seen_;    // by the hashes of documents' ids
  std::unordered_set<std::string> unreadable_;  // ids of files and folders: what they held stays
};

}  // namespace minnow
