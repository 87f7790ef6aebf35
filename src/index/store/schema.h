// SPDX-License-Identifier: Apache-2.0
// The tables that minnow keeps in a database, beside whatever else is there. FORMAT.md in
// src/index tells each column.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "index/sqlite/sqlite.h"

namespace minnow {

inline constexpr int64_t kStoreVersion = 2;

// Makes the tables where there are none and takes older versions to this one, in one transaction,
// and makes full texts of another kLexicalVersion again. kUnsupported where the file is of a newer
// version.
Status PrepareSchema(Database* database);
// What a reader needs, of this version or an older one: kNotFound where the file holds no store,
// kUnsupported where it is of a newer version.
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
