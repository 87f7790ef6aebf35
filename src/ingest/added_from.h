// SPDX-License-Identifier: Apache-2.0
// AddedFrom: what an index remembers of the folders that its files were added from.
//
// Ids of files are relative to a root that they do not name: "docs/a.md" may be of one project or
// of another. So that one leaves the other's documents alone, an index keeps for each prefix of ids
// (Walk::prefixes) a hash of the root that it is relative to; no path, since stores are given away.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "index/store/search_index.h"
#include "ingest/file_walk.h"

namespace minnow {

// What is refused, with kInvalidArgument.
enum class AddRule {
  kKeep,   // files whose documents are there and were added from another root only
  kPrune,  // prefixes below which anything was added from another root
  kMoved,  // nothing: all below the walk's prefixes is of its roots from now on
};

// One thread.
class AddedFrom {
 public:
  // Both outlive it.
  AddedFrom(SearchIndex* index, const Walk* walk, AddRule rule);

  // Notes where the walk's files come from, in one durable transaction, before they are added.
  // Fails by the rule, and then writes nothing.
  Status Note();

  // For deletions, which come later (SearchIndex::Delete): kInvalidArgument where `note` tells that
  // files with ids of the walk's were added from another root since.
  Status CheckPrune(const std::string& note) const;
  // Of files that were replaced, how many may have been another root's.
  Result<size_t> CountContested(const std::vector<std::string>& paths) const;

 private:
  struct Place {
    std::string root;  // its hash
    std::string prefix;
    bool operator==(const Place&) const = default;
  };

  static Result<std::vector<Place>> Read(const std::string& note);
  static bool Holds(const std::vector<Place>& places, const std::string& path);
  const std::string* Contested(const Place& place) const;
  Result<std::vector<Place>> Others(const std::string& note) const;
  Status CheckReplaced() const;
  bool IsMoved(const Place& place) const;
  static void Insert(const Place& place, std::vector<Place>* places);
  Result<std::string> Noted(const std::string& note);
  Error Refusal(const std::string& what) const;

  SearchIndex* const index_;
  const Walk* const walk_;
  const AddRule rule_;
  std::vector<Place> places_;  // of the walk
  std::vector<Place> passed_;  // contested ones that stayed when what is below was moved
};

}  // namespace minnow
