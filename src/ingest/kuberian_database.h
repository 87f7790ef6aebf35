// SPDX-License-Identifier: Apache-2.0
// Kuberian's own database: its tables `functions` and `function_analyses` to documents of an index.
//
// Schema as of https://github.com/iwanhae/Kuberian/blob/2b6a25a/indexer/1_gen_sqlite3_db.ipynb
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "index/store/search_index.h"
#include "index/store/store.h"
#include "ingest/prepare.h"

namespace minnow {

// What an index of Kuberian's functions is called, and how it is made: only summaries are embedded.
inline constexpr const char* kKuberianIndex = "functions";
IndexSettings KuberianSettings();

// Whether the file holds Kuberian's tables; false where there is no such file. Fails as opening a
// database does.
Result<bool> HasKuberianTables(const std::string& path);

struct KuberianImport {
  size_t functions = 0;  // in the database
  size_t changed = 0;    // written to the index
  size_t removed = 0;    // from the index
};

// Makes the index hold what the database holds: one document for each function, with its first
// analysis; functions that stand there just so are not touched. `path` may be the index's own file.
// Fails with kCorrupt or kInternal, naming the file; kDeadline where `progress` said stop.
Result<KuberianImport> ImportKuberian(const std::string& path, const Chunker& chunker,
                                      SearchIndex& index, const Progress& progress);

}  // namespace minnow
