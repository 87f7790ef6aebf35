// SPDX-License-Identifier: Apache-2.0
// The connections of one store: one that writes, and several that read beside it.
//
// Thread-safe. Whoever writes holds the one writer; readers never wait for it (WAL), nor for each
// other: a connection is opened where none is idle.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "index/sqlite/sqlite.h"

namespace minnow {

class Connections {
 public:
  using Opener = std::function<Result<std::unique_ptr<Database>>()>;

  // The writer, or null for a store that is only read. `keep` readers stay open when idle.
  Connections(std::string path, std::unique_ptr<Database> writer, Opener open_reader, int keep)
      : path_(std::move(path)),
        writer_(std::move(writer)),
        open_reader_(std::move(open_reader)),
        keep_(static_cast<size_t>(keep)) {}

  class Writer {
   public:
    Database& operator*() const { return *database_; }
    Database* operator->() const { return database_; }
    Database* get() const { return database_; }

   private:
    friend class Connections;
    Writer(std::unique_lock<std::mutex> lock, Database* database)
        : lock_(std::move(lock)), database_(database) {}
    std::unique_lock<std::mutex> lock_;
    Database* database_;
  };

  class Reader {
   public:
    Reader(Reader&&) noexcept = default;
    Reader& operator=(Reader&&) = delete;
    ~Reader() {
      if (database_ != nullptr) owner_->GiveBack(std::move(database_));
    }
    Database& operator*() const { return *database_; }
    Database* operator->() const { return database_.get(); }
    Database* get() const { return database_.get(); }

   private:
    friend class Connections;
    Reader(Connections* owner, std::unique_ptr<Database> database)
        : owner_(owner), database_(std::move(database)) {}
    Connections* owner_;
    std::unique_ptr<Database> database_;
  };

  // Waits for the other writers of this process. kInvalidArgument where the store is only read.
  Result<Writer> Write();
  Result<Reader> Read();

  bool read_only() const { return writer_ == nullptr; }
  const std::string& path() const { return path_; }

 private:
  void GiveBack(std::unique_ptr<Database> database);

  const std::string path_;
  std::mutex writing_;
  const std::unique_ptr<Database> writer_;
  const Opener open_reader_;
  const size_t keep_;
  std::mutex mutex_;  // guards idle_
  std::vector<std::unique_ptr<Database>> idle_;
};

}  // namespace minnow
