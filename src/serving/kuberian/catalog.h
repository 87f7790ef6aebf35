// SPDX-License-Identifier: Apache-2.0
// KuberianCatalog: which functions an index holds, in the order of their numbers, and in which
// files; so that listings and samples need no scan of the store.
//
// Const once made; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "index/store/search_index.h"

namespace minnow {

class KuberianCatalog {
 public:
  // Reads the whole index, or, from `former`, a catalogue of it, what was added since; blocks.
  // Documents whose id is no number are left out.
  static Result<KuberianCatalog> Make(const SearchIndex& index,
                                      const KuberianCatalog* former = nullptr);

  size_t total() const { return functions_.size(); }
  size_t analyzed() const { return analyzed_.size(); }

  // Every file once, in the order of its first function.
  const std::vector<std::string>& files() const { return files_; }
  // Numbers of the functions whose file begins with `prefix`, ascending, from `offset` on, at most
  // `limit`.
  std::vector<uint64_t> InFiles(std::string_view prefix, uint64_t offset, uint64_t limit) const;
  // Up to `count` different functions that have a summary, by chance, ascending.
  std::vector<uint64_t> Sample(size_t count, std::mt19937_64& random) const;

 private:
  struct Function {
    uint64_t id;
    int64_t row;
    uint32_t file;  // its place in files_
    bool analyzed;
  };
  std::vector<Function> functions_;  // by id
  std::vector<uint64_t> analyzed_;   // ids of those with a summary
  std::vector<std::string> files_;
  int64_t last_row_ = 0;
};

// Digits only, as Rust reads an u64 (a '+' before them is allowed); false: no such number.
bool ParseFunctionId(std::string_view text, uint64_t& id);

}  // namespace minnow
