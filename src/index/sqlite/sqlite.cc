// SPDX-License-Identifier: Apache-2.0
#include "index/sqlite/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <utility>

namespace minnow {
namespace {

// Indexes come and go, and their numbers stand in statements.
constexpr size_t kKeptStatements = 256;

Code CodeOf(int result_code) {
  switch (result_code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return Code::kCorrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::kOverloaded;
    case SQLITE_READONLY:
    case SQLITE_TOOBIG:
      return Code::kInvalidArgument;
    default:
      return Code::kInternal;
  }
}

// SQLite's "file:" form, in which nothing of the path has a meaning.
std::string PathUri(const std::string& path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "file:";
  // "//" after "file:" would begin a host.
  if (path.starts_with("//")) uri += "//";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::strchr("/._-", c) != nullptr) {
      uri.push_back(c);
    } else {
      uri.push_back('%');
      uri.push_back(kHex[byte >> 4]);
      uri.push_back(kHex[byte & 15]);
    }
  }
  return uri;
}

// Looked at before SQLite opens it: a pipe would be waited for, and messages would be vague.
Status CheckFile(const std::string& path, bool create) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return Error{Code::kInvalidArgument, "database: bad path " + std::string(path.c_str())};
  }
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT && create) return {};
    const Code code =
        errno == ENOENT || errno == ENOTDIR ? Code::kNotFound : Code::kInvalidArgument;
    return Error{code, path + ": " + std::strerror(errno)};
  }
  if (!S_ISREG(info.st_mode)) {
    return Error{Code::kInvalidArgument, path + ": is not a regular file"};
  }
  return {};
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      home_(other.home_),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  Reset();
  sqlite3_clear_bindings(statement_);
  home_->idle.push_back(statement_);
  --home_->in_use;
}

Statement& Statement::Bind(int parameter, int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, parameter, value)) bind_error_ = code;
  return *this;
}

Statement& Statement::Bind(int parameter, double value) {
  if (const int code = sqlite3_bind_double(statement_, parameter, value)) bind_error_ = code;
  return *this;
}

Statement& Statement::Bind(int parameter, std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();
  if (const int code = sqlite3_bind_text64(statement_, parameter, data, text.size(), SQLITE_STATIC,
                                           SQLITE_UTF8)) {
    bind_error_ = code;
  }
  return *this;
}

Statement& Statement::BindBlob(int parameter, std::span<const std::byte> bytes) {
  const void* data = bytes.data() == nullptr ? static_cast<const void*>("") : bytes.data();
  if (const int code =
          sqlite3_bind_blob64(statement_, parameter, data, bytes.size(), SQLITE_STATIC)) {
    bind_error_ = code;
  }
  return *this;
}

Result<bool> Statement::Step() {
  if (bind_error_ != 0) return database_->Failure(std::exchange(bind_error_, 0));
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = database_->Failure(code);
  sqlite3_reset(statement_);
  return error;
}

Status Statement::Run() {
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) break;
  }
  Reset();
  return {};
}

void Statement::Reset() { sqlite3_reset(statement_); }

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::string_view Statement::Text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::byte> Statement::Blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                 const DatabaseOptions& options) {
  // A file system of our own may hold files that the system does not know.
  if (options.vfs.empty()) MINNOW_RETURN_IF_ERROR(CheckFile(path, options.create));
  int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create && !options.read_only) flags |= SQLITE_OPEN_CREATE;
  std::string uri = PathUri(path);
  if (options.immutable) uri += "?immutable=1";
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(uri.c_str(), &handle, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  if (handle == nullptr) return Error{Code::kInternal, path + ": out of memory"};
  std::unique_ptr<Database> database(new Database(path, handle));
  if (code != SQLITE_OK) return database->Failure(code, "open");
  sqlite3_busy_timeout(handle, options.busy_timeout_ms);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  if (options.exclusive) {
    MINNOW_RETURN_IF_ERROR(database->Execute("PRAGMA locking_mode=EXCLUSIVE"));
  }
  MINNOW_RETURN_IF_ERROR(database->Execute("PRAGMA cell_size_check=ON;PRAGMA temp_store=MEMORY"));
  return database;
}

Database::~Database() {
  ForgetStatements();
  const int code = sqlite3_close(handle_);
  CHECK(code == SQLITE_OK);  // else a Statement outlived its Database
}

Result<Statement> Database::Prepare(std::string_view sql) {
  auto entry = statements_.find(sql);
  if (entry == statements_.end()) {
    if (statements_.size() >= kKeptStatements) ForgetStatements();
    entry = statements_.try_emplace(std::string(sql)).first;
  }
  Statement::Kept& kept = entry->second;
  if (!kept.idle.empty()) {
    sqlite3_stmt* statement = kept.idle.back();
    kept.idle.pop_back();
    ++kept.in_use;
    return Statement(this, statement, &kept);
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  CHECK(statement != nullptr);  // else `sql` was empty
  ++kept.in_use;
  return Statement(this, statement, &kept);
}

void Database::ForgetStatements() {
  for (auto& [sql, kept] : statements_) {
    for (sqlite3_stmt* statement : kept.idle) sqlite3_finalize(statement);
    kept.idle.clear();
  }
  std::erase_if(statements_, [](const auto& entry) { return entry.second.in_use == 0; });
}

Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  return {};
}

Result<int64_t> Database::QueryInt(std::string_view sql) {
  MINNOW_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  MINNOW_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return Error{Code::kCorrupt, path_ + ": a row is missing"};
  return statement.Int(0);
}

Result<std::string> Database::QueryText(std::string_view sql) {
  MINNOW_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  MINNOW_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return Error{Code::kCorrupt, path_ + ": a row is missing"};
  return std::string(statement.Text(0));
}

int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

int64_t Database::changes() const { return sqlite3_changes64(handle_); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

Error Database::Failure(int result_code, std::string_view doing) const {
  std::string message = path_ + ": ";
  if (!doing.empty()) message += std::string(doing) + ": ";
  // A backup keeps its error to itself.
  const bool told = sqlite3_errcode(handle_) != SQLITE_OK;
  message += told ? sqlite3_errmsg(handle_) : sqlite3_errstr(result_code);
  const int system_error = sqlite3_system_errno(handle_);
  const int kind = result_code & 0xff;
  const bool of_system = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN || kind == SQLITE_FULL;
  if (of_system && system_error != 0) {
    message += std::string(" (") + std::strerror(system_error) + ")";
  }
  return Error{CodeOf(result_code), std::move(message)};
}

Result<Transaction> Transaction::BeginWrite(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(Statement begin, database->Prepare("BEGIN IMMEDIATE"));
  MINNOW_RETURN_IF_ERROR(begin.Run());
  return Transaction(database);
}

Result<Transaction> Transaction::BeginRead(Database* database) {
  MINNOW_ASSIGN_OR_RETURN(Statement begin, database->Prepare("BEGIN"));
  MINNOW_RETURN_IF_ERROR(begin.Run());
  return Transaction(database);
}

Transaction::~Transaction() {
  // SQLite has already rolled back where it could not go on.
  if (database_ == nullptr || !database_->in_transaction()) return;
  auto rollback = database_->Prepare("ROLLBACK");
  if (rollback.ok()) (void)rollback->Run();
}

Status Transaction::Commit() {
  MINNOW_ASSIGN_OR_RETURN(Statement commit, database_->Prepare("COMMIT"));
  MINNOW_RETURN_IF_ERROR(commit.Run());
  database_ = nullptr;
  return {};
}

}  // namespace minnow
