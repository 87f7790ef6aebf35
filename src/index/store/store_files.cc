// SPDX-License-Identifier: Apache-2.0
#include "index/store/store_files.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/names_beside.h"
#include "base/system_error.h"
#include "formats/atomic_file.h"
#include "index/query/lexical/scan.h"
#include "index/sqlite/bytes_vfs.h"
#include "index/store/schema.h"

namespace minnow {
namespace {

// Five vectors of 384 floats fill a page of 8 KiB to 94 %; of 4 KiB, two to 75 %.
constexpr const char* kNewFile = "PRAGMA page_size=8192;PRAGMA auto_vacuum=INCREMENTAL";
// Half the log's usual size at most stays on disk when it was larger once.
constexpr const char* kWriter =
    "PRAGMA synchronous=FULL;PRAGMA cache_size=-32000;PRAGMA journal_size_limit=67108864";
constexpr const char* kReader = "PRAGMA cache_size=-8000";

Status PrepareReader(Database* database) {
  MINNOW_RETURN_IF_ERROR(database->Execute(kReader));
  MINNOW_RETURN_IF_ERROR(RegisterLexicalScan(database->handle()));
  // Opening is put off until something is read.
  MINNOW_RETURN_IF_ERROR(database->QueryInt("SELECT count(*) FROM sqlite_schema"));
  return {};
}

Result<std::unique_ptr<Database>> OpenReader(const std::string& path,
                                             const DatabaseOptions& options) {
  MINNOW_ASSIGN_OR_RETURN(auto database, Database::Open(path, options));
  MINNOW_RETURN_IF_ERROR(PrepareReader(database.get()));
  return database;
}

bool HasContent(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

// Where the files of a store lie, links followed.
std::string PlaceOf(Database* database) {
  const char* place = sqlite3_db_filename(database->handle(), "main");
  return place == nullptr ? "" : place;
}

// SQLite says of a read-only place what it failed at last, which may be anything.
Status CheckWritable(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  if (error) return {};  // whoever opens it says more
  for (const std::filesystem::path& place : {real, real.parent_path()}) {
    if (::faccessat(AT_FDCWD, place.c_str(), W_OK, AT_EACCESS) != 0 && errno != ENOENT) {
      return SystemError(place, "cannot be written");
    }
  }
  return {};
}

// Whether a connection could not be prepared because files beside the store can be neither made
// nor written. Not so where another holds the store, where descriptors or memory are short, or the
// disk is broken or full: then others may write, now or later.
bool FailedForReadOnlyPlace(Database* database) {
  switch (sqlite3_extended_errcode(database->handle())) {
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY_DIRECTORY:
    case SQLITE_READONLY_CANTINIT:
    case SQLITE_READONLY_CANTLOCK:
    case SQLITE_READONLY_RECOVERY:
      break;
    default:
      return false;
  }
  // SQLite says the former also where the limit of open files is reached.
  const std::string place = PlaceOf(database);
  const std::string folder = place.substr(0, place.rfind('/') + 1);
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) == 0) return false;
  return errno == EACCES || errno == EROFS || errno == EPERM;
}

// What a database holds.
struct Tables {
  bool store = false;
  std::string other;  // the first table of another program; empty: none
};

Result<Tables> FindTables(const std::string& path, const std::string& vfs) {
  MINNOW_ASSIGN_OR_RETURN(const auto database, OpenToLook(path, vfs));
  MINNOW_ASSIGN_OR_RETURN(Statement list,
                          database->Prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE "
                                            "'sqlite_%' ORDER BY type = 'table' DESC, rowid"));
  Tables tables;
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) return tables;
    if (list.Text(0) == "minnow_meta") tables.store = true;
    if (tables.other.empty()) tables.other = list.Text(0);
  }
}

}  // namespace

Result<std::unique_ptr<Database>> OpenToLook(const std::string& path, const std::string& vfs) {
  std::error_code ignored;
  const std::string place = std::filesystem::weakly_canonical(path, ignored).string();
  if (HasContent(place + "-wal")) {
    // What was written last, or is being written now, is in the log.
    MINNOW_ASSIGN_OR_RETURN(const Connections::Opener open, FindReadMode(path, vfs));
    return open();
  }
  DatabaseOptions options;
  options.vfs = vfs;
  options.read_only = options.immutable = true;
  return Database::Open(path, options);
}

Status CheckStoreFile(const std::string& path, const StoreOptions& store) {
  std::error_code error;
  const std::filesystem::file_status file = std::filesystem::status(path, error);
  if (!std::filesystem::is_regular_file(file)) return {};  // whoever opens it says more
  Tables tables;
  if (HasContent(path)) {
    MINNOW_ASSIGN_OR_RETURN(tables, FindTables(path, store.vfs));
  }
  const bool takes_empty = store.create && !store.read_only;
  if (tables.store || store.adopt || (tables.other.empty() && takes_empty)) return {};
  std::string what = path + ": holds no index of minnow";
  if (!tables.other.empty()) {
    what += ", but another program's database (" + QuoteForMessage(tables.other) +
            "), which is left as it is";
  }
  return Error{Code::kNotFound, std::move(what)};
}

Result<std::unique_ptr<Database>> OpenWriter(const std::string& path, const StoreOptions& store) {
  MINNOW_RETURN_IF_ERROR(CheckWritable(path));
  DatabaseOptions options;
  options.create = store.create;
  options.vfs = store.vfs;
  MINNOW_ASSIGN_OR_RETURN(auto database, Database::Open(path, options));
  MINNOW_ASSIGN_OR_RETURN(const int64_t pages, database->QueryInt("PRAGMA page_count"));
  if (pages == 0) MINNOW_RETURN_IF_ERROR(database->Execute(kNewFile));
  MINNOW_ASSIGN_OR_RETURN(const std::string mode, database->QueryText("PRAGMA journal_mode=WAL"));
  if (mode != "wal") {
    return Error{Code::kUnsupported, path + ": no write-ahead log here, journal mode is " + mode};
  }
  MINNOW_RETURN_IF_ERROR(database->Execute(kWriter));
  MINNOW_RETURN_IF_ERROR(RegisterLexicalScan(database->handle()));
  MINNOW_RETURN_IF_ERROR(PrepareSchema(database.get()));
  return database;
}

Result<Connections::Opener> FindReadMode(const std::string& path, const std::string& vfs,
                                         int busy_timeout_ms) {
  DatabaseOptions options;
  options.read_only = true;
  options.vfs = vfs;
  options.immutable = vfs == BytesFile::vfs();
  options.busy_timeout_ms = busy_timeout_ms;
  MINNOW_ASSIGN_OR_RETURN(const auto first, Database::Open(path, options));
  const Status prepared = PrepareReader(first.get());
  if (!prepared.ok()) {
    if (options.immutable || !FailedForReadOnlyPlace(first.get())) return prepared.error();
    // The index of the write-ahead log can be neither made nor shared. Then nobody else can write
    // to it either, and it is read as it is; each connection keeps an index of its own.
    if (HasContent(PlaceOf(first.get()) + "-wal")) {
      options.exclusive = true;
      if (vfs.empty()) options.vfs = "unix-none";
    } else {
      options.immutable = true;
    }
    if (!OpenReader(path, options).ok()) return prepared.error();
  }
  return Connections::Opener([path, options] { return OpenReader(path, options); });
}

Result<std::unique_ptr<Database>> OpenToCheck(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(auto database, Database::Open(path, {}));
  MINNOW_RETURN_IF_ERROR(RegisterLexicalScan(database->handle()));
  {
    // Rolled back: only to see whether it can be had.
    const auto transaction = Transaction::BeginWrite(database.get());
    if (transaction.ok()) return database;
    const bool read_only = (sqlite3_errcode(database->handle()) & 0xff) == SQLITE_READONLY;
    if (!read_only && !FailedForReadOnlyPlace(database.get())) return transaction.error();
  }
  return std::unique_ptr<Database>();
}

void RemoveStraySidecars(Database* database, const std::string& store_path) {
  constexpr std::string_view kMark = "-vectors-";
  for (const std::string& rest : NamesBeside(store_path)) {
    if (!rest.starts_with(kMark)) continue;
    const int64_t index = std::strtoll(rest.c_str() + kMark.size(), nullptr, 10);
    if (index <= 0) continue;
    const std::string sidecar = SidecarPath(store_path, index);
    // The sidecar itself, or what was to become it.
    const bool is_whole = store_path + rest == sidecar;
    if (!is_whole && !(store_path + rest).starts_with(sidecar + '.')) continue;
    auto find = database->Prepare(
        "SELECT 1 FROM sqlite_sequence WHERE name = 'minnow_indexes' AND seq >= ?1 AND NOT EXISTS "
        "(SELECT 1 FROM minnow_indexes WHERE id = ?1)");
    if (!find.ok()) return;
    const auto stray = find->Bind(1, index).Step();
    if (!stray.ok() || !*stray) continue;
    if (is_whole) std::remove(sidecar.c_str());
    RemoveLeftovers(sidecar);
  }
}

std::string SidecarPath(const std::string& store_path, int64_t index) {
  return store_path + "-vectors-" + std::to_string(index);
}

}  // namespace minnow
