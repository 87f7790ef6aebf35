// SPDX-License-Identifier: Apache-2.0
// The note is JSON: ["1234 docs/", ...], the hash of a root, a space, and a prefix.
#include "tasks/ingest/added_from.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "formats/json.h"
#include "formats/xxh64.h"

namespace minnow {
namespace {

std::string HashOf(const std::string& root) {
  Xxh64 hash;
  hash.Update(std::as_bytes(std::span(root)));
  return std::to_string(hash.Digest());
}

}  // namespace

AddedFrom::AddedFrom(SearchIndex* index, const Walk* walk, AddRule rule)
    : index_(index), rule_(rule) {
  for (size_t i = 0; i < walk->roots.size(); ++i) {
    places_.push_back({HashOf(walk->roots[i]), walk->prefixes[i]});
  }
}

Status AddedFrom::Note() {
  if (places_.empty()) return {};
  return index_->ChangeNote([this](const std::string& note) { return Noted(note); });
}

Status AddedFrom::CheckPrune(const std::string& note) const {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<Place> places, Read(note));
  for (const Place& place : places) {
    const std::string* contested = Contested(place);
    const bool known = std::find(others_.begin(), others_.end(), place) != others_.end();
    if (contested != nullptr && !known) return Refusal(*contested);
  }
  return {};
}

Result<std::vector<AddedFrom::Place>> AddedFrom::Read(const std::string& note) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          JsonDocument::Parse(note.empty() ? "[]" : note, "the note of folders"));
  std::vector<Place> places;
  for (const JsonView item : document.root().Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, item.String());
    const size_t root = std::min(text.find(' '), text.size());
    places.push_back({std::string(text.substr(0, root)),
                      std::string(text.substr(std::min(root + 1, text.size())))});
  }
  return places;
}

// The prefix of the walk below which files of the place's root have ids that the walk does not see:
// they would be taken for gone. Null: there is none.
const std::string* AddedFrom::Contested(const Place& place) const {
  for (const Place& own : places_) {
    if (own.root == place.root) continue;
    const bool inside = IsBelow(place.prefix, own.prefix);
    if (!inside && !IsBelow(own.prefix, place.prefix)) continue;
    const std::string& common = inside ? place.prefix : own.prefix;
    const auto sees = [&](const Place& other) {
      return other.root == place.root && IsBelow(common, other.prefix);
    };
    if (std::none_of(places_.begin(), places_.end(), sees)) return &own.prefix;
  }
  return nullptr;
}

// Whether another root's place is within what was moved. What lies above a prefix that was moved
// was not moved as a whole.
bool AddedFrom::IsMoved(const Place& place) const {
  return rule_ == AddRule::kMoved &&
         std::any_of(places_.begin(), places_.end(), [&place](const Place& own) {
           return own.root != place.root && IsBelow(place.prefix, own.prefix);
         });
}

// Places that others of the same root cover say nothing.
void AddedFrom::Insert(const Place& place, std::vector<Place>* places) {
  const auto covers = [](const Place& one, const Place& other) {
    return one.root == other.root && IsBelow(other.prefix, one.prefix);
  };
  for (const Place& other : *places) {
    if (covers(other, place)) return;
  }
  std::erase_if(*places, [&](const Place& other) { return covers(place, other); });
  places->push_back(place);
}

Result<std::string> AddedFrom::Noted(const std::string& note) {
  if (rule_ == AddRule::kPrune) MINNOW_RETURN_IF_ERROR(CheckPrune(note));
  MINNOW_ASSIGN_OR_RETURN(const std::vector<Place> before, Read(note));
  std::vector<Place> after;
  for (const Place& place : before) {
    const bool contested = Contested(place) != nullptr;
    if (contested && IsMoved(place)) continue;
    if (contested) others_.push_back(place);
    Insert(place, &after);
  }
  for (const Place& own : places_) Insert(own, &after);
  std::string next;
  JsonWriter json(&next);
  json.BeginArray();
  for (const Place& place : after) json.String(place.root + " " + place.prefix);
  json.EndArray();
  return next;
}

Error AddedFrom::Refusal(const std::string& prefix) const {
  return Error{Code::kInvalidArgument,
               "--prune: index " + QuoteForMessage(index_->name()) + " has files below " +
                   QuoteForMessage(prefix) +
                   " that were added from another folder, and cannot tell which of them are gone: "
                   "give each project an index of its own (--name), or a common --root; --moved "
                   "says that this is the same folder in another place"};
}

}  // namespace minnow
