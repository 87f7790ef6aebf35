// SPDX-License-Identifier: Apache-2.0
// Batches of documents, prepared side by side.
#include "ingest/ingester.h"

#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "formats/xxh64.h"
#include "ingest/file_fields.h"

namespace minnow {
namespace {

// Of one transaction: a few, so that syncing the disk costs little.
constexpr size_t kBatchDocuments = 512;
constexpr size_t kBatchBytes = size_t{8} << 20;

uint64_t RandomSeed() {
  uint64_t seed = 0;
  (void)::getrandom(&seed, sizeof seed, 0);
  return seed;
}

}  // namespace

uint64_t Ingester::HashOf(const std::string& id) const {
  Xxh64 hash;
  hash.Update(std::as_bytes(std::span(&seed_, 1)));
  hash.Update(std::as_bytes(std::span(id)));
  return hash.Digest();
}

Ingester::Ingester(SearchIndex* index, const Chunker* chunker, ThreadPool* pool,
                   IngestObserver* observer)
    : index_(index),
      chunker_(chunker),
      pool_(pool),
      observer_(observer),
      settings_(index->settings()),
      seed_(RandomSeed()) {}

Result<bool> Ingester::Add(const FoundFile& file) {
  Result<OpenedSource> opened = OpenSource(file, settings_);
  if (!opened.ok()) {
    Reject({file.id, opened.error().message});
    return true;
  }
  if (!opened->source) {
    observer_->Skipped(file.path, opened->skipped);
    return true;
  }
  return Add(*opened->source, file.path);
}

Result<bool> Ingester::Add(DocumentSource& source, const std::string& name) {
  ++counts_.files;
  sources_.push_back(name);
  while (true) {
    Result<std::optional<SourceItem>> item = source.Next();
    if (!item.ok()) {
      ++counts_.rejected;
      observer_->Rejected(item.error().message);
      return true;
    }
    if (!*item) return true;
    SourceItem& found = **item;
    Place place{static_cast<uint32_t>(sources_.size() - 1), 0};
    if (found.line <= std::numeric_limits<uint32_t>::max()) {
      place.line = static_cast<uint32_t>(found.line);
    }
    if (!found.problem.empty()) {
      ++counts_.rejected;
      observer_->Rejected(Where(place) + ": " + found.problem);
      continue;
    }
    raw_bytes_ += found.json.size();
    raw_.push_back({place, std::move(found.json)});
    if (raw_.size() < kBatchDocuments && raw_bytes_ < kBatchBytes) continue;
    MINNOW_ASSIGN_OR_RETURN(const bool wanted, Flush());
    if (!wanted) return false;
  }
}

Result<bool> Ingester::Flush() {
  std::vector<Result<Document>> prepared(raw_.size(), Result<Document>(Error{}));
  std::atomic<size_t> next{0};
  pool_->Run([&](int) {
    for (size_t i = next++; i < raw_.size(); i = next++) {
      prepared[i] = PrepareDocument(settings_, *chunker_, raw_[i].json);
    }
  });
  const std::vector<Document> documents = Accept(std::move(prepared));
  raw_.clear();
  raw_bytes_ = 0;
  if (!documents.empty()) {
    MINNOW_ASSIGN_OR_RETURN(const AddOutcome outcome, index_->Add(documents));
    for (size_t i = 0; i < documents.size(); ++i) {
      const DocumentChange change = outcome.changes[i];
      counts_.added += change == DocumentChange::kAdded;
      counts_.replaced += change == DocumentChange::kReplaced;
      counts_.unchanged += change == DocumentChange::kUnchanged;
      if (change == DocumentChange::kReplaced) NoteReplaced(documents[i].json);
    }
  }
  return observer_->Progress(counts_);
}

void Ingester::NoteReplaced(const std::string& json) {
  auto path = FilePathOf(json);
  if (!path || (!replaced_files_.empty() && replaced_files_.back() == *path)) return;
  replaced_files_.push_back(std::move(*path));
}

std::string Ingester::Where(Place place) const {
  return sources_[place.source] + (place.line > 0 ? ": line " + std::to_string(place.line) : "");
}

// The first of an id is taken, as WalkFiles does it with files: were it the last, every run would
// replace each by the next.
std::vector<Document> Ingester::Accept(std::vector<Result<Document>> prepared) {
  std::vector<Document> documents;
  for (size_t i = 0; i < raw_.size(); ++i) {
    const Place place = raw_[i].place;
    std::string problem;
    if (!prepared[i].ok()) {
      problem = prepared[i].error().message;
    } else if (const auto [first, taken] = seen_.emplace(HashOf(prepared[i]->id), place); !taken) {
      problem = "has the id " + QuoteForMessage(prepared[i]->id) + ", as " + Where(first->second) +
                " has";
    }
    if (problem.empty()) {
      documents.push_back(std::move(prepared[i]).value());
    } else {
      ++counts_.rejected;
      observer_->Rejected(Where(place) + ": " + problem);
    }
  }
  return documents;
}

void Ingester::Reject(const WalkProblem& problem) {
  ++counts_.rejected;
  unreadable_.insert(problem.id);
  observer_->Rejected(problem.message);
}

// The file, or a folder above it; "" is the root.
bool Ingester::IsUnreadable(std::string path) const {
  if (unreadable_.empty()) return false;
  while (!path.empty() && !unreadable_.contains(path)) {
    const size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
  return unreadable_.contains(path);
}

Status Ingester::Prune(const std::vector<std::string>& prefixes, const AddedFrom& from) {
  std::vector<std::string> gone;
  const auto visit = [&](const std::string& id, const std::string& path) {
    if (seen_.contains(HashOf(id)) || IsUnreadable(path)) return;
    const auto holds = [&path](const std::string& prefix) { return IsBelow(path, prefix); };
    if (std::any_of(prefixes.begin(), prefixes.end(), holds)) gone.push_back(id);
  };
  MINNOW_RETURN_IF_ERROR(VisitFileDocuments(*index_, visit));
  const auto allows = [&from](const std::string& note) { return from.CheckPrune(note); };
  for (size_t begin = 0; begin < gone.size(); begin += kBatchDocuments) {
    const size_t count = std::min(kBatchDocuments, gone.size() - begin);
    MINNOW_ASSIGN_OR_RETURN(const DeleteOutcome outcome,
                            index_->Delete(std::span(gone).subspan(begin, count), allows));
    counts_.deleted += outcome.deleted;
  }
  return {};
}

}  // namespace minnow
