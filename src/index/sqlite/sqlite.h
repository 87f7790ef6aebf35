// SPDX-License-Identifier: Apache-2.0
// SQLite behind types that cannot leak or be half used: Database, Statement, Transaction.
//
// A Database and what it hands out belong to one thread at a time. Every failure is an Error that
// names the file and says what SQLite says. Sources of the file are hostile: the connection trusts
// neither its schema nor its cells.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace minnow {

class Database;

// A prepared statement, borrowed from its Database's cache and given back (reset, unbound) at the
// end of its life. Bound text and blobs must live as long as it does.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Parameters are counted from 1. A failed bind is told by the next Step.
  Statement& Bind(int parameter, int64_t value);
  Statement& Bind(int parameter, double value);
  Statement& Bind(int parameter, std::string_view text);
  Statement& BindBlob(int parameter, std::span<const std::byte> bytes);

  // True: a row is there to read. False: the statement has ended.
  Result<bool> Step();
  // Steps to the end, whatever rows there are.
  Status Run();
  // Makes it ready to be bound and stepped again.
  void Reset();

  // Columns of the present row, counted from 0. Views are good until the next Step or Reset.
  int64_t Int(int column) const;
  double Real(int column) const;
  std::string_view Text(int column) const;
  std::span<const std::byte> Blob(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Database;
  // The statements of one text.
  struct Kept {
    std::vector<sqlite3_stmt*> idle;
    size_t in_use = 0;
  };
  Statement(const Database* database, sqlite3_stmt* statement, Kept* home)
      : database_(database), statement_(statement), home_(home) {}

  const Database* database_;
  sqlite3_stmt* statement_;
  Kept* home_;  // where it goes back to
  int bind_error_ = 0;
};

// For LIMIT and OFFSET, where SQLite takes what is below 0 for "all".
inline int64_t SqlCount(size_t count) {
  return static_cast<int64_t>(std::min(count, size_t{INT64_MAX}));
}

struct DatabaseOptions {
  bool read_only = false;
  bool create = false;     // make the file where there is none
  bool exclusive = false;  // locks taken once, nothing shared with other connections
  bool immutable = false;  // read only, no locks, no -wal: for file systems that are read-only
  std::string vfs;         // SQLite's name of a file system; empty: the system's
  int busy_timeout_ms = 10'000;
};

class Database {
 public:
  // Fails with kNotFound, kInvalidArgument (no regular file), kCorrupt (no database) or kInternal.
  // Nothing is written to a file that exists.
  static Result<std::unique_ptr<Database>> Open(const std::string& path,
                                                const DatabaseOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& path() const { return path_; }
  sqlite3* handle() { return handle_; }

  // One statement. Prepared once for each text and kept: bind values, do not write them in.
  Result<Statement> Prepare(std::string_view sql);
  // Statements without results, split by ";".
  Status Execute(const std::string& sql);
  // The first column of the only row.
  Result<int64_t> QueryInt(std::string_view sql);
  Result<std::string> QueryText(std::string_view sql);

  int64_t last_insert_id() const;
  int64_t changes() const;  // rows of the last INSERT, UPDATE or DELETE
  bool in_transaction() const;

  // The Error of SQLite's result code: names the file.
  Error Failure(int result_code, std::string_view doing = {}) const;

 private:
  struct HashText {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  std::string path_;
  sqlite3* handle_;
  // Lets go of what is not in use.
  void ForgetStatements();

  // By text; what is in use stays where it is.
  std::unordered_map<std::string, Statement::Kept, HashText, std::equal_to<>> statements_;
};

// BEGIN ... COMMIT; rolled back where Commit was not reached.
class Transaction {
 public:
  // A writer takes the file's write lock at once; it waits for another process, up to the busy
  // timeout. A reader sees one state of the file until it ends, and waits for nobody.
  static Result<Transaction> BeginWrite(Database* database);
  static Result<Transaction> BeginRead(Database* database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // Durable once it returns ok. After a failure the transaction is rolled back.
  Status Commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;  // null once ended
};

}  // namespace minnow
