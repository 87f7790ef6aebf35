// SPDX-License-Identifier: Apache-2.0
#include "index/sqlite/bytes_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <span>
#include <utility>

namespace minnow {
namespace {

using Bytes = std::span<const std::byte>;

struct Registry {
  std::mutex mutex;
  std::map<std::string, Bytes> files;
  uint64_t next = 0;
};

Registry& TheRegistry() {
  static Registry* const registry = new Registry();  // SQLite may ask until the very end
  return *registry;
}

// What SQLite holds for an open file.
struct OpenBytes {
  sqlite3_file base;  // first: SQLite sees only this
  const std::byte* data;
  sqlite3_int64 size;
};

int Read(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
  const auto* bytes = reinterpret_cast<const OpenBytes*>(file);
  const sqlite3_int64 there =
      offset >= bytes->size ? 0 : std::min<sqlite3_int64>(amount, bytes->size - offset);
  if (there > 0) std::memcpy(out, bytes->data + offset, static_cast<size_t>(there));
  if (there == amount) return SQLITE_OK;
  // SQLite asks for the rest to be zero.
  std::memset(static_cast<char*>(out) + there, 0, static_cast<size_t>(amount - there));
  return SQLITE_IOERR_SHORT_READ;
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  *size = reinterpret_cast<const OpenBytes*>(file)->size;
  return SQLITE_OK;
}

int NoLockIsHeld(sqlite3_file*, int* held) {
  *held = 0;
  return SQLITE_OK;
}

const sqlite3_io_methods* Methods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods m = {};
    m.iVersion = 1;
    m.xClose = [](sqlite3_file*) { return SQLITE_OK; };
    m.xRead = Read;
    m.xWrite = [](sqlite3_file*, const void*, int, sqlite3_int64) { return SQLITE_READONLY; };
    m.xTruncate = [](sqlite3_file*, sqlite3_int64) { return SQLITE_READONLY; };
    m.xSync = [](sqlite3_file*, int) { return SQLITE_OK; };
    m.xFileSize = FileSize;
    m.xLock = [](sqlite3_file*, int) { return SQLITE_OK; };
    m.xUnlock = [](sqlite3_file*, int) { return SQLITE_OK; };
    m.xCheckReservedLock = NoLockIsHeld;
    m.xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; };
    m.xSectorSize = [](sqlite3_file*) { return 4096; };
    m.xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_IMMUTABLE; };
    return m;
  }();
  return &methods;
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;  // nothing to close
  if (name == nullptr || (flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  const auto found = registry.files.find(name);
  if (found == registry.files.end()) return SQLITE_CANTOPEN;
  auto* bytes = reinterpret_cast<OpenBytes*>(file);
  bytes->data = found->second.data();
  bytes->size = static_cast<sqlite3_int64>(found->second.size());
  bytes->base.pMethods = Methods();
  if (flags_out != nullptr) *flags_out = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int room, char* out) {
  const size_t bytes = std::strlen(name) + 1;
  if (bytes > static_cast<size_t>(room)) return SQLITE_CANTOPEN;
  std::memcpy(out, name, bytes);
  return SQLITE_OK;
}

// No journal, no log: those would be asked for by name.
int Access(sqlite3_vfs*, const char*, int, int* there) {
  *there = 0;
  return SQLITE_OK;
}

void RegisterOnce() {
  static sqlite3_vfs* const registered = [] {
    sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
    CHECK(system != nullptr);
    auto* vfs = new sqlite3_vfs(*system);  // clock, sleep and random bytes are the system's
    vfs->iVersion = 1;
    vfs->szOsFile = sizeof(OpenBytes);
    vfs->pNext = nullptr;
    vfs->zName = BytesFile::vfs().c_str();
    vfs->xOpen = Open;
    vfs->xDelete = [](sqlite3_vfs*, const char*, int) { return SQLITE_IOERR_DELETE; };
    vfs->xAccess = Access;
    vfs->xFullPathname = FullPathname;
    vfs->xGetLastError = [](sqlite3_vfs*, int, char*) { return 0; };
    CHECK(sqlite3_vfs_register(vfs, 0) == SQLITE_OK);
    return vfs;
  }();
  (void)registered;
}

}  // namespace

BytesFile::BytesFile(MappedFile file) : file_(std::move(file)) {
  RegisterOnce();
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  name_ = "/minnow-bytes/" + std::to_string(registry.next++);
  registry.files[name_] = file_.bytes();
}

BytesFile::~BytesFile() {
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  registry.files.erase(name_);
}

const std::string& BytesFile::vfs() {
  static const std::string* const name = new std::string("minnow-bytes");
  return *name;
}

}  // namespace minnow
