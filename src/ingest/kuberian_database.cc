// SPDX-License-Identifier: Apache-2.0
// Rows to documents, in batches.
#include "ingest/kuberian_database.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "index/sqlite/sqlite.h"
#include "index/store/store_files.h"
#include "ingest/kuberian_record.h"

namespace minnow {
namespace {

constexpr size_t kRowsAtOnce = 1000;
constexpr size_t kRowBytesAtOnce = size_t{8} << 20;
constexpr size_t kPageDocuments = 1000;

constexpr const char* kTables =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('functions', "
    "'function_analyses')";
// Of several analyses the first counts.
constexpr const char* kFunctions =
    "SELECT f.id, f.name, f.signature, f.file, f.code, f.line_start, f.line_end, a.summary, "
    "a.background, a.analysis, a.purpose, a.comment, a.opinion FROM functions f "
    "LEFT JOIN function_analyses a ON a.function_id = f.id ORDER BY f.id, a.id";

// Without locks where the file system takes none: then nobody writes there either.
Result<std::unique_ptr<Database>> OpenSource(const std::string& path) {
  auto database = Database::Open(path, {.read_only = true});
  if (database.ok()) {
    const auto looked = (*database)->QueryInt("SELECT count(*) FROM sqlite_master");
    if (looked.ok()) return database;
    // Without locks, a change that was cut off would be read half-way.
    for (const char* end : {"-journal", "-wal"}) {
      std::error_code ec;
      const auto bytes = std::filesystem::file_size(path + end, ec);
      if (!ec && bytes > 0) return looked.error();
    }
    if (looked.error().code == Code::kOverloaded) return looked.error();
  }
  return Database::Open(path, {.read_only = true, .immutable = true});
}

std::optional<std::string_view> Text(const Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Text(column);
}

KuberianFunction ReadFunction(const Statement& row) {
  KuberianFunction function;
  int column = 0;
  function.id = std::to_string(row.Int(column++));
  function.name = Text(row, column++);
  function.signature = Text(row, column++);
  function.file = Text(row, column++);
  function.code = Text(row, column++);
  function.line_start = row.Int(column++);
  function.line_end = row.Int(column++);
  function.summary = Text(row, column++);
  function.background = Text(row, column++);
  function.analysis = Text(row, column++);
  function.purpose = Text(row, column++);
  function.comment = Text(row, column++);
  function.opinion = Text(row, column++);
  return function;
}

class Import {
 public:
  Import(const Chunker& chunker, SearchIndex& index, const Progress& progress)
      : chunker_(chunker), index_(index), progress_(progress) {}

  Result<KuberianImport> Run(Database& database) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t total,
                            database.QueryInt("SELECT count(*) FROM functions"));
    MINNOW_ASSIGN_OR_RETURN(Statement rows, database.Prepare(kFunctions));
    while (true) {
      MINNOW_ASSIGN_OR_RETURN(const bool row, rows.Step());
      if (!row) break;
      KuberianFunction function = ReadFunction(rows);
      if (!ids_.insert(function.id).second) continue;
      MINNOW_RETURN_IF_ERROR(Take(function));
      if (batch_.size() >= kRowsAtOnce || batch_bytes_ >= kRowBytesAtOnce) {
        MINNOW_RETURN_IF_ERROR(Flush());
      }
      if (progress_ && !progress_(ids_.size(), static_cast<uint64_t>(total))) {
        return Error{Code::kDeadline, database.path() + ": the import was stopped"};
      }
    }
    MINNOW_RETURN_IF_ERROR(Flush());
    result_.functions = ids_.size();
    MINNOW_RETURN_IF_ERROR(RemoveOthers());
    return result_;
  }

 private:
  Status Take(const KuberianFunction& function) {
    const std::string json = WriteKuberianFunction(function);
    MINNOW_ASSIGN_OR_RETURN(const auto stored, index_.Fetch(function.id));
    if (stored.has_value() && stored->json == json) return {};
    auto document = PrepareDocument(index_.settings(), chunker_, json);
    if (!document.ok()) {
      return Annotate(std::move(document).error(), "functions: id " + function.id);
    }
    batch_bytes_ += json.size();
    batch_.push_back(std::move(document).value());
    return {};
  }

  Status Flush() {
    if (batch_.empty()) return {};
    MINNOW_RETURN_IF_ERROR(index_.Add(batch_));
    result_.changed += batch_.size();
    batch_.clear();
    batch_bytes_ = 0;
    return {};
  }

  Status RemoveOthers() {
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index_.Stats());
    if (stats.documents == ids_.size()) return {};
    std::vector<std::string> others;
    for (size_t offset = 0;; offset += kPageDocuments) {
      MINNOW_ASSIGN_OR_RETURN(const DocumentPage page, index_.List("", offset, kPageDocuments));
      for (const StoredDocument& document : page.documents) {
        if (!ids_.contains(document.id)) others.push_back(document.id);
      }
      if (page.documents.size() < kPageDocuments) break;
    }
    if (others.empty()) return {};
    MINNOW_ASSIGN_OR_RETURN(const DeleteOutcome outcome, index_.Delete(others));
    result_.removed = outcome.deleted;
    return {};
  }

  const Chunker& chunker_;
  SearchIndex& index_;
  const Progress& progress_;
  std::unordered_set<std::string> ids_;
  std::vector<Document> batch_;
  size_t batch_bytes_ = 0;
  KuberianImport result_;
};

}  // namespace

IndexSettings KuberianSettings() {
  IndexSettings settings;
  settings.text_fields = {kKuberianTextField};
  return settings;
}

Result<bool> HasKuberianTables(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return false;
  // Another program's database gets no files beside it for being looked at.
  MINNOW_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenToLook(path));
  MINNOW_ASSIGN_OR_RETURN(const int64_t tables, database->QueryInt(kTables));
  return tables == 2;
}

Result<KuberianImport> ImportKuberian(const std::string& path, const Chunker& chunker,
                                      SearchIndex& index, const Progress& progress) {
  MINNOW_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenSource(path));
  return Import(chunker, index, progress).Run(*database);
}

}  // namespace minnow
