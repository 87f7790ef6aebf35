// SPDX-License-Identifier: Apache-2.0
// SearchIndex: one named index of a store: documents in, searches out.
//
// Thread-safe. Writers are put in order inside; readers see the last committed state and never wait
// for a writer. Every call blocks (disk, arithmetic): none belongs on an event loop. What a write
// acknowledges is durable: on disk before the call returns.
// An index keeps its store's connections alive; after DropIndex every call is kNotFound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/query/search_request.h"
#include "index/store/document.h"

namespace minnow {

struct IndexStats {
  size_t documents = 0;
  size_t chunks = 0;
  size_t pending_chunks = 0;  // without a vector yet
  size_t refused_chunks = 0;  // that the model makes no vector of: words alone find them
  uint64_t bytes = 0;         // of the whole store's file
  std::optional<ModelIdentity> model;
  int64_t created_at_ms = 0;  // since 1970
};

enum class DocumentChange { kAdded, kReplaced, kUnchanged };

struct AddOutcome {
  int64_t task = 0;
  std::vector<DocumentChange> changes;  // one for each document given
};

struct DeleteOutcome {
  int64_t task = 0;
  size_t deleted = 0;  // ids that do not exist count nothing
};

struct PendingChunk {
  int64_t chunk = 0;
  std::string text;
};

struct StoredDocument {
  std::string id;
  std::string json;
};

struct DocumentPage {
  std::vector<StoredDocument> documents;
  size_t total = 0;  // that match the filter
};

class Database;
struct IndexState;
class Store;

class SearchIndex {
 public:
  explicit SearchIndex(std::shared_ptr<IndexState> state);
  ~SearchIndex();

  const std::string& name() const;
  int64_t id() const;  // stands in the names of its tables and of its sidecar
  IndexSettings settings() const;
  Result<IndexStats> Stats() const;

  // Binds the index to the model at first use. Another model later is kInvalidArgument, told with
  // both identities, unless `reembed`: then every vector goes and all chunks are pending. Checksum,
  // dtype and dimensions are what is compared; name and path are remembered.
  Status UseModel(const ModelIdentity& model, bool reembed);

  // Adds or replaces, in one durable transaction; lexical search finds them from then on. A
  // document that is stored just so already is kUnchanged and keeps its vectors. The same id twice:
  // the later one stands. kInvalidArgument ("documents[3].id: ...") adds nothing.
  Result<AddOutcome> Add(std::span<const Document> documents);

  // A text that is kept with the index for its callers, who alone know its meaning; "" at first.
  Result<std::string> Note() const;
  // `change` gets the present one and gives the next, while nobody else writes. Durable. Fails as
  // `change` does, and then changes nothing.
  Status ChangeNote(const std::function<Result<std::string>(const std::string&)>& change);

  Result<DeleteOutcome> Delete(std::span<const std::string> ids);
  // `allows` looks at the note while nobody else writes. Fails as it does, and then deletes
  // nothing.
  Result<DeleteOutcome> Delete(std::span<const std::string> ids,
                               const std::function<Status(const std::string& note)>& allows);
  // A blank filter is kInvalidArgument: it would delete everything.
  Result<DeleteOutcome> DeleteWhere(const std::string& filter);

  // Chunks that wait for a vector, with ids greater than `after`, lowest first: at most `limit`.
  Result<std::vector<PendingChunk>> Pending(size_t limit, int64_t after = 0) const;
  // vectors: [n, D] f32, n = chunks.size(), of `model`; stored at unit length. Zeros say that the
  // model refuses the chunk: it waits no more, and has no vector. Chunks that went meanwhile are
  // passed over. Durable, and seen by every search that starts after.
  // kInvalidArgument where the index is not bound to `model`, or no longer.
  Status SetVectors(const ModelIdentity& model, std::span<const int64_t> chunks,
                    std::span<const float> vectors);

  // Grows with each change of the index, whoever makes it.
  Result<int64_t> Generation() const;
  Result<std::optional<StoredDocument>> Fetch(const std::string& id) const;
  // Those of `ids` that are there, in that order and one state. Fails as `visit` does, which must
  // not call the index.
  using Visitor = std::function<Status(std::string_view id, std::string_view json)>;
  Status Visit(std::span<const std::string> ids, const Visitor& visit) const;
  // In the order in which they were added. kInvalidArgument: they hold more than max_bytes.
  Result<DocumentPage> List(const std::string& filter, size_t offset, size_t limit,
                            size_t max_bytes = SIZE_MAX) const;

  // All, in one state, in the order in which they were added. `visit` must not call the index.
  Status VisitDocuments(
      const std::function<void(std::string_view id, std::string_view json)>& visit) const;
  // What was added since: rows grow, and a document that is replaced gets another one.
  Status VisitRowsAfter(int64_t row, const std::function<void(int64_t row, std::string_view id,
                                                              std::string_view json)>& visit) const;
  // Of all documents, in no order.
  Result<std::vector<int64_t>> Rows() const;

  // pool: the caller's own, for vectors; null: the calling thread alone.
  Result<SearchAnswer> Search(const SearchRequest& request, ThreadPool* pool = nullptr) const;
  // Documents near that one (near its words, until it has vectors), itself left out.
  // `request.text`, `vector` and `semantic_ratio` are not looked at.
  // kNotFound where there is no such document.
  Result<SearchAnswer> Similar(const std::string& id, const SearchRequest& request,
                               ThreadPool* pool = nullptr) const;

 private:
  friend class Store;
  enum class Binding { kNone, kThis, kMoved };  // kMoved: the same model at another path
  // kNone where the index has no model, or, with `reembed`, another; another without `reembed` is
  // the error of UseModel.
  Result<Binding> BindingTo(Database* database, const ModelIdentity& model, bool reembed) const;
  Result<std::string> TextOf(Database* database, int64_t document) const;
  // body(Database*, IndexWriter*) -> Result<size_t>: how many documents it has deleted.
  template <class Body>
  Result<DeleteOutcome> DeleteEach(const Body& body);
  std::shared_ptr<IndexState> state_;
};

}  // namespace minnow
