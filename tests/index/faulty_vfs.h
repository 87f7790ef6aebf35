// SPDX-License-Identifier: Apache-2.0
// A SQLite file system for tests, on which the disk is full or broken when the test says so.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"

namespace minnow {

// Wraps the system's file system. Syncs are counted, not made: nothing here loses power. One
// thread.
class FaultyVfs {
 public:
  enum class Fault { kNone, kDiskFull, kWriteFails, kSyncFails, kReadFails };

  static constexpr const char* kName = "minnow-faulty";

  static FaultyVfs& Get() {
    static FaultyVfs* const vfs = new FaultyVfs();
    return *vfs;
  }

  // The n-th call (from 1) of the kind that `fault` names fails; with `stays`, all after it too.
  void Plan(Fault fault, uint64_t n, bool stays) {
    fault_ = fault;
    failing_ = n;
    stays_ = stays;
    calls_ = 0;
    failed_ = 0;
  }
  void Heal() { fault_ = Fault::kNone; }
  uint64_t calls() const { return calls_; }
  uint64_t failed() const { return failed_; }

 private:
  struct File {
    sqlite3_file base;
    sqlite3_file* real;  // behind this one
  };

  FaultyVfs() {
    system_ = sqlite3_vfs_find(nullptr);
    CHECK(system_ != nullptr);
    vfs_ = *system_;
    vfs_.iVersion = 1;
    vfs_.pNext = nullptr;
    vfs_.zName = kName;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + system_->szOsFile;
    vfs_.xOpen = Open;
    vfs_.xDelete = [](sqlite3_vfs*, const char* name, int) {
      return Get().system_->xDelete(Get().system_, name, 0);
    };
    MakeMethods();
    CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
  }

  static sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }

  // Whether the call that is being made now fails.
  bool Fails(Fault kind) {
    if (fault_ != kind) return false;
    ++calls_;
    const bool fails = calls_ == failing_ || (stays_ && calls_ > failing_);
    failed_ += fails ? 1 : 0;
    return fails;
  }

  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    auto* wrapped = reinterpret_cast<File*>(file);
    wrapped->base.pMethods = nullptr;
    wrapped->real = reinterpret_cast<sqlite3_file*>(wrapped + 1);
    const int code = Get().system_->xOpen(Get().system_, name, wrapped->real, flags, out_flags);
    if (wrapped->real->pMethods != nullptr) wrapped->base.pMethods = &Get().methods_;
    return code;
  }

  static int Read(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
    if (Get().Fails(Fault::kReadFails)) return SQLITE_IOERR_READ;
    return Real(file)->pMethods->xRead(Real(file), out, amount, offset);
  }

  static int Write(sqlite3_file* file, const void* data, int amount, sqlite3_int64 offset) {
    const bool full = Get().Fails(Fault::kDiskFull);
    if (full || Get().Fails(Fault::kWriteFails)) {
      // As disks do it: a part may have been written.
      (void)Real(file)->pMethods->xWrite(Real(file), data, amount / 2, offset);
      return full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    return Real(file)->pMethods->xWrite(Real(file), data, amount, offset);
  }

  static int Sync(sqlite3_file*, int) {
    return Get().Fails(Fault::kSyncFails) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
  }

  void MakeMethods() {
    methods_.iVersion = 2;
    methods_.xClose = [](sqlite3_file* f) { return Real(f)->pMethods->xClose(Real(f)); };
    methods_.xRead = Read;
    methods_.xWrite = Write;
    methods_.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
      return Real(f)->pMethods->xTruncate(Real(f), size);
    };
    methods_.xSync = Sync;
    methods_.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
      return Real(f)->pMethods->xFileSize(Real(f), size);
    };
    methods_.xLock = [](sqlite3_file* f, int lock) {
      return Real(f)->pMethods->xLock(Real(f), lock);
    };
    methods_.xUnlock = [](sqlite3_file* f, int lock) {
      return Real(f)->pMethods->xUnlock(Real(f), lock);
    };
    methods_.xCheckReservedLock = [](sqlite3_file* f, int* held) {
      return Real(f)->pMethods->xCheckReservedLock(Real(f), held);
    };
    methods_.xFileControl = [](sqlite3_file* f, int what, void* value) {
      return Real(f)->pMethods->xFileControl(Real(f), what, value);
    };
    methods_.xSectorSize = [](sqlite3_file* f) { return Real(f)->pMethods->xSectorSize(Real(f)); };
    methods_.xDeviceCharacteristics = [](sqlite3_file* f) {
      return Real(f)->pMethods->xDeviceCharacteristics(Real(f));
    };
    methods_.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
      return Real(f)->pMethods->xShmMap(Real(f), page, size, extend, out);
    };
    methods_.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
      return Real(f)->pMethods->xShmLock(Real(f), offset, n, flags);
    };
    methods_.xShmBarrier = [](sqlite3_file* f) { Real(f)->pMethods->xShmBarrier(Real(f)); };
    methods_.xShmUnmap = [](sqlite3_file* f, int remove) {
      return Real(f)->pMethods->xShmUnmap(Real(f), remove);
    };
  }

  sqlite3_vfs* system_ = nullptr;
  sqlite3_vfs vfs_ = {};
  sqlite3_io_methods methods_ = {};
  Fault fault_ = Fault::kNone;
  uint64_t failing_ = 0;
  bool stays_ = false;
  uint64_t calls_ = 0;
  uint64_t failed_ = 0;
};

}  // namespace minnow
