// SPDX-License-Identifier: Apache-2.0
#include "index/store/backup.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "formats/atomic_file.h"

namespace minnow {
namespace {

constexpr int kBackupPages = 512;     // of a step
constexpr int64_t kFreedPages = 256;  // of a step
// Free pages that are left alone: they are used again, and freeing moves others.
constexpr int64_t kFreeShare = 5;  // a fifth of the file
constexpr int64_t kFreePages = 1024;
// Nothing beside the copy, which counts only when it is complete; it is synced at the end.
constexpr const char* kCopy = "PRAGMA journal_mode=MEMORY;PRAGMA synchronous=OFF";
constexpr int64_t kIncremental = 2;  // PRAGMA auto_vacuum
constexpr std::string_view kMagic("SQLite format 3\0", 16);

Error Stopped(const std::string& path) { return Error{Code::kDeadline, path + ": stopped"}; }

Status CheckDestination(const std::string& store, const std::string& path) {
  struct stat there;
  if (stat(path.c_str(), &there) == 0) {
    if (!S_ISREG(there.st_mode)) {
      return Error{Code::kInvalidArgument, path + ": is not a regular file"};
    }
    struct stat own;
    if (stat(store.c_str(), &own) == 0 && own.st_dev == there.st_dev &&
        own.st_ino == there.st_ino) {
      return Error{Code::kInvalidArgument, path + ": is the store itself"};
    }
    // An older copy is replaced.
    MINNOW_RETURN_IF_ERROR(CheckReplaceable(path, "SQLite database", /*offset=*/0, kMagic));
  }
  // SQLite would play those back into the copy.
  for (const char* suffix : {"-wal", "-journal"}) {
    if (stat((path + suffix).c_str(), &there) == 0 && there.st_size > 0) {
      return Error{Code::kInvalidArgument,
                   path + ": is in use, or was not closed: " + suffix + " stands beside it"};
    }
  }
  return {};
}

Status CopyPages(Database* from, Database* to, const Progress& progress) {
  const auto finish = [](sqlite3_backup* backup) { sqlite3_backup_finish(backup); };
  const std::unique_ptr<sqlite3_backup, decltype(finish)> backup(
      sqlite3_backup_init(to->handle(), "main", from->handle(), "main"), finish);
  if (backup == nullptr) return to->Failure(sqlite3_errcode(to->handle()), "backup");
  for (;;) {
    const int code = sqlite3_backup_step(backup.get(), kBackupPages);
    if (code != SQLITE_OK && code != SQLITE_DONE) return to->Failure(code, "backup");
    const auto total = static_cast<uint64_t>(sqlite3_backup_pagecount(backup.get()));
    const auto left = static_cast<uint64_t>(sqlite3_backup_remaining(backup.get()));
    if (progress && !progress(total - left, total)) return Stopped(to->path());
    if (code == SQLITE_DONE) return {};
  }
}

Status TruncateLog(Database* database) {
  // Readers of an older state make this do less; that is no failure.
  MINNOW_ASSIGN_OR_RETURN(Statement checkpoint,
                          database->Prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
  return checkpoint.Run();
}

// One step of giving pages back. Returns how many are still free.
Result<int64_t> FreePages(Connections* connections) {
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, connections->Write());
  MINNOW_ASSIGN_OR_RETURN(Statement step, writer->Prepare("PRAGMA incremental_vacuum(" +
                                                          std::to_string(kFreedPages) + ")"));
  MINNOW_RETURN_IF_ERROR(step.Run());
  return writer->QueryInt("PRAGMA freelist_count");
}

struct Space {
  int64_t free = 0;
  int64_t pages = 0;
  bool incremental = false;
};

Result<Space> ReadSpace(Connections* connections) {
  MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, connections->Read());
  Space space;
  MINNOW_ASSIGN_OR_RETURN(space.free, reader->QueryInt("PRAGMA freelist_count"));
  MINNOW_ASSIGN_OR_RETURN(space.pages, reader->QueryInt("PRAGMA page_count"));
  MINNOW_ASSIGN_OR_RETURN(const int64_t mode, reader->QueryInt("PRAGMA auto_vacuum"));
  space.incremental = mode == kIncremental;
  return space;
}

}  // namespace

Status BackupDatabase(Connections* connections, const std::string& path, const Progress& progress) {
  MINNOW_RETURN_IF_ERROR(CheckDestination(connections->path(), path));
  // With a name: SQLite knows no files by anything else.
  MINNOW_ASSIGN_OR_RETURN(AtomicFile file,
                          AtomicFile::Create(path, AtomicFile::Mode::kData, /*nameless=*/false));
  {
    MINNOW_ASSIGN_OR_RETURN(Connections::Reader reader, connections->Read());
    // Holds one state of the store: writes beside it would make the copy begin anew.
    MINNOW_ASSIGN_OR_RETURN(Transaction transaction, Transaction::BeginRead(reader.get()));
    MINNOW_RETURN_IF_ERROR(reader->QueryInt("SELECT count(*) FROM sqlite_schema"));
    MINNOW_ASSIGN_OR_RETURN(auto copy, Database::Open(file.temporary(), {}));
    MINNOW_RETURN_IF_ERROR(copy->Execute(kCopy));
    MINNOW_RETURN_IF_ERROR(CopyPages(reader.get(), copy.get(), progress));
  }
  return file.Commit();
}

Status CompactDatabase(Connections* connections, const Progress& progress) {
  MINNOW_ASSIGN_OR_RETURN(const Space space, ReadSpace(connections));
  const auto total = static_cast<uint64_t>(space.free);
  int64_t free = space.free;
  while (space.incremental && free > 0) {
    if (progress && !progress(total - std::min(total, static_cast<uint64_t>(free)), total)) {
      return Stopped(connections->path());
    }
    const int64_t before = free;
    MINNOW_ASSIGN_OR_RETURN(free, FreePages(connections));
    if (free >= before) break;  // others free pages as fast as we do
  }
  MINNOW_ASSIGN_OR_RETURN(Connections::Writer writer, connections->Write());
  if (!space.incremental) {
    MINNOW_RETURN_IF_ERROR(writer->Execute("PRAGMA auto_vacuum=INCREMENTAL;VACUUM"));
  }
  MINNOW_RETURN_IF_ERROR(TruncateLog(writer.get()));
  if (progress && !progress(total, total)) return Stopped(connections->path());
  return {};
}

Status FreeSomeSpace(Connections* connections) {
  MINNOW_ASSIGN_OR_RETURN(const Space space, ReadSpace(connections));
  if (!space.incremental) return {};
  int64_t free = space.free;
  while (free > kFreePages && free > space.pages / kFreeShare) {
    const int64_t before = free;
    MINNOW_ASSIGN_OR_RETURN(free, FreePages(connections));
    if (free >= before) break;
  }
  return {};
}

}  // namespace minnow
