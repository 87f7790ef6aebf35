// SPDX-License-Identifier: Apache-2.0
// The tables that minnow keeps in a database, beside whatever else is there. FORMAT.md in
// src/index tells each column.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "index/sqlite/sqlite.h"

namespace minnow {

inline constexpr int64_t kStoreVersion = 1;

// Makes the tables where there are none and takes older versions to this one, in one transaction.
// kUnsupported where the file is of a newer version.
Status PrepareSchema(Database* database);
// kNotFound: the database holds no store of any version.
Status CheckHoldsStore(Database* database);

// What a reader needs: kNotFound where the file holds no store, kUnsupported where its version is
// not this program's.
Status CheckSchema(Database* database);

// The tables of one index. Its number stands in their names.
Status CreateIndexTables(Database* database, int64_t index);
Status DropIndexTables(Database* database, int64_t index);

// Where minnow_meta keeps what callers note of an index; it goes with the index.
std::string NoteKey(int64_t index);

// "INSERT INTO {documents} ..." with the names of index 7's tables: minnow_documents_7, ...
// Braces hold documents, chunks, vectors, removed or lexical.
std::string IndexSql(int64_t index, std::string_view sql);

}  // namespace minnow
