// SPDX-License-Identifier: Apache-2.0
// minnow serve --kuberian: the database's functions, brought into a store with their vectors.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/temporary_folder.h"
#include "index/store/store.h"
#include "ingest/prepare.h"
#include "serving/log.h"
#include "serving/served_store_options.h"

namespace minnow {

// A store with Kuberian's functions in it, or a place for them.
struct KuberianStore {
  std::unique_ptr<TemporaryFolder> folder;  // of a store that is gone at the end; else null
  std::unique_ptr<Store> store;
  std::string index;   // the name of the functions' index
  std::string source;  // the database to import from; empty: there is nothing to import
};

// Whether a store or database can be changed where it lies.
bool CanWrite(const std::string& path);

// The file itself where it can be written to, or holds all that is needed for `model`; otherwise a
// store in a temporary folder, which the log warns of. Fails with kNotFound (no such file, or it
// has neither Kuberian's tables nor an index) or as opening a store does.
Result<KuberianStore> OpenKuberianStore(const std::string& path, bool read_only,
                                        const ModelIdentity& model, const Log& log);

// A store that is only read and must hold all that is needed for `model`.
Result<KuberianStore> TakeKuberianStore(std::unique_ptr<Store> store, const ModelIdentity& model);

// Brings the index level with the database; the log tells how far it is.
Status ImportFunctions(const KuberianStore& opened, const Chunker& chunker, const Log& log);

// The database that the command line, else DATABASE_URL names; else empty where the program carries
// a store; else Kuberian's own default.
std::string KuberianPath(const ServedStoreOptions& options);

}  // namespace minnow
