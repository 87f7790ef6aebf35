// SPDX-License-Identifier: Apache-2.0
// The note is JSON: ["1234 docs/", ...], the hash of a root, a space, and a prefix.
#include "ingest/added_from.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_set>

#include "formats/json.h"
#include "formats/xxh64.h"
#include "ingest/file_fields.h"

namespace minnow {
namespace {

std::string HashOf(const std::string& root) {
  Xxh64 hash;
  hash.Update(std::as_bytes(std::span(root)));
  return std::to_string(hash.Digest());
}

}  // namespace

AddedFrom::AddedFrom(SearchIndex* index, const Walk* walk, AddRule rule)
    : index_(index), walk_(walk), rule_(rule) {
  for (size_t i = 0; i < walk->roots.size(); ++i) {
    places_.push_back({HashOf(walk->roots[i]), walk->prefixes[i]});
  }
}

Status AddedFrom::Note() {
  if (places_.empty()) return {};
  if (rule_ == AddRule::kKeep) MINNOW_RETURN_IF_ERROR(CheckReplaced());
  return index_->ChangeNote([this](const std::string& note) { return Noted(note); });
}

// Looks through all documents, for which no writer should have to wait: what comes from elsewhere
// meanwhile is told later (CountContested).
Status AddedFrom::CheckReplaced() const {
  MINNOW_ASSIGN_OR_RETURN(const std::string note, index_->Note());
  MINNOW_ASSIGN_OR_RETURN(const std::vector<Place> others, Others(note));
  if (others.empty()) return {};
  MINNOW_ASSIGN_OR_RETURN(std::vector<Place> ours, Read(note));
  std::erase_if(ours, [this](const Place& place) {
    const auto is_root = [&place](const Place& own) { return own.root == place.root; };
    return std::none_of(places_.begin(), places_.end(), is_root);
  });
  std::unordered_set<std::string> theirs;
  for (const FoundFile& file : walk_->files) {
    if (Holds(others, file.id) && !Holds(ours, file.id)) theirs.insert(file.id);
  }
  if (theirs.empty()) return {};
  std::string first;
  size_t files = 0;
  MINNOW_RETURN_IF_ERROR(
      VisitFileDocuments(*index_, [&](const std::string&, const std::string& path) {
        if (theirs.erase(path) > 0 && ++files == 1) first = path;
      }));
  if (files == 0) return {};
  return Refusal(" has documents of " + QuoteForMessage(first) +
                 (files > 1 ? " and " + std::to_string(files - 1) + " more of these files" : "") +
                 " that were added from another folder, and would be replaced");
}

Status AddedFrom::CheckPrune(const std::string& note) const {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<Place> others, Others(note));
  if (others.empty()) return {};
  return Refusal(" has files below " + QuoteForMessage(*Contested(others.front())) +
                 " that were added from another folder, and cannot tell which of them are gone");
}

Result<size_t> AddedFrom::CountContested(const std::vector<std::string>& paths) const {
  if (paths.empty()) return size_t{0};
  MINNOW_ASSIGN_OR_RETURN(const std::string note, index_->Note());
  MINNOW_ASSIGN_OR_RETURN(const std::vector<Place> others, Others(note));
  return static_cast<size_t>(
      std::count_if(paths.begin(), paths.end(),
                    [&others](const std::string& path) { return Holds(others, path); }));
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

Result<std::vector<AddedFrom::Place>> AddedFrom::Others(const std::string& note) const {
  MINNOW_ASSIGN_OR_RETURN(std::vector<Place> places, Read(note));
  std::erase_if(places, [this](const Place& place) {
    return Contested(place) == nullptr ||
           std::find(passed_.begin(), passed_.end(), place) != passed_.end();
  });
  return places;
}

bool AddedFrom::Holds(const std::vector<Place>& places, const std::string& path) {
  return std::any_of(places.begin(), places.end(),
                     [&path](const Place& place) { return IsBelow(path, place.prefix); });
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
    if (contested && rule_ == AddRule::kMoved) passed_.push_back(place);
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

Error AddedFrom::Refusal(const std::string& what) const {
  return Error{Code::kInvalidArgument,
               (rule_ == AddRule::kKeep ? "index " : "--prune: index ") +
                   QuoteForMessage(index_->name()) + what +
                   ": give each project an index of its own (--name), or a common --root; --moved "
                   "says that this is the same project in another place"};
}

}  // namespace minnow
