// SPDX-License-Identifier: Apache-2.0
// The note is JSON: ["1234 docs/", ...], the hash of a root, a space, and a prefix.
#include "tasks/ingest/added_from.h"

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/json.h"
#include "formats/xxh64.h"

namespace minnow {
namespace {

std::string MarkOf(const std::string& root) {
  Xxh64 hash;
  hash.Update(std::as_bytes(std::span(root)));
  return std::to_string(hash.Digest()) + " ";
}

Error OfAnotherRoot(const std::string& index, const std::string& prefix) {
  return Error{Code::kInvalidArgument,
               "--prune: index " + QuoteForMessage(index) + " has files below " +
                   QuoteForMessage(prefix) +
                   " that were added from another folder, and cannot tell which of them are gone: "
                   "give each project an index of its own (--name), or a common --root; --moved "
                   "says that this is the same folder in another place"};
}

// The note after `walk`.
Result<std::string> Noted(const SearchIndex& index, const std::string& note, const Walk& walk,
                          PruneRule rule) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          JsonDocument::Parse(note.empty() ? "[]" : note, "the note of folders"));
  std::vector<std::string> marks;
  for (const std::string& root : walk.roots) marks.push_back(MarkOf(root));
  std::vector<bool> known(marks.size());
  std::string next;
  JsonWriter json(&next);
  json.BeginArray();
  for (const JsonView item : document.root().Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view place, item.String());
    const std::string_view other = place.substr(place.find(' ') + 1);
    bool stays = true;
    for (size_t i = 0; i < marks.size(); ++i) {
      const std::string& prefix = walk.prefixes[i];
      if (place.starts_with(marks[i])) {
        known[i] = known[i] || IsBelow(prefix, other);
      } else if (IsBelow(prefix, other) || IsBelow(other, prefix)) {
        if (rule == PruneRule::kOwn) return OfAnotherRoot(index.name(), prefix);
        stays = stays && rule != PruneRule::kMoved;
      }
    }
    if (stays) json.String(place);
  }
  for (size_t i = 0; i < marks.size(); ++i) {
    if (!known[i]) json.String(marks[i] + walk.prefixes[i]);
  }
  json.EndArray();
  return next;
}

}  // namespace

Status NoteAddedFrom(SearchIndex& index, const Walk& walk, PruneRule rule) {
  return index.ChangeNote([&](const std::string& note) { return Noted(index, note, walk, rule); });
}

}  // namespace minnow
