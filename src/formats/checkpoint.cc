// SPDX-License-Identifier: Apache-2.0
// Opens safetensors files and joins shards by their index.
#include "formats/checkpoint.h"

#include <filesystem>
#include <iterator>
#include <set>
#include <utility>

#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kMaxIndexBytes = size_t{64} << 20;
constexpr size_t kMaxShards = 1000;
constexpr const char* kStem = "model";
// What pickles are called whose safetensors have that stem.
constexpr const char* kPickleFile = "pytorch_model.bin";

std::string Join(const std::string& directory, const std::string& file) {
  return (std::filesystem::path(directory) / file).string();
}

// Also true for a broken symbolic link or a file of the wrong kind: opening it then says what is
// wrong.
bool Exists(const std::string& path) {
  std::error_code ec;
  return std::filesystem::symlink_status(path, ec).type() !=
             std::filesystem::file_type::not_found &&
         !ec;
}

// A file name and nothing else: no way out of the directory, nothing that a C string would cut.
bool IsPlainFileName(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.size() > 255) return false;
  for (const char c : name) {
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20) return false;
  }
  return true;
}

}  // namespace

struct Checkpoint::ShardIndex {
  std::map<std::string, std::string, std::less<>> shard_of;  // by tensor name
  std::set<std::string> shards;

  static Result<ShardIndex> Read(const std::string& path);
};

Result<Checkpoint::ShardIndex> Checkpoint::ShardIndex::Read(const std::string& path) {
  JsonLimits limits;
  limits.max_bytes = kMaxIndexBytes;
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(path, limits));
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, document.root().Get("weight_map"));
  MINNOW_ASSIGN_OR_RETURN(const JsonView map, field.Object());
  ShardIndex index;
  for (size_t i = 0; i < map.size(); ++i) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view shard, map.at(i).String());
    if (!IsPlainFileName(shard)) {
      return map.at(i).Wrong("shard " + QuoteForMessage(shard) + " is not a plain file name");
    }
    index.shard_of.emplace(map.key(i), shard);
    index.shards.emplace(shard);
    if (index.shards.size() > kMaxShards) {
      return map.Wrong("more than " + std::to_string(kMaxShards) + " shards");
    }
  }
  if (index.shards.empty()) return map.Wrong("names no tensor");
  return index;
}

Status Checkpoint::AddFile(Result<MappedFile> opened, const ShardIndex* wanted,
                           const std::string& shard, std::vector<Error>* problems) {
  MINNOW_ASSIGN_OR_RETURN(MappedFile mapped, std::move(opened));
  MINNOW_ASSIGN_OR_RETURN(SafetensorsHeader header,
                          ParseSafetensorsHeader(mapped.bytes(), mapped.path()));
  for (Error& problem : header.problems) {
    if (problems == nullptr) return std::move(problem);
    problems->push_back(std::move(problem));
  }
  if (files_.empty()) metadata_ = std::move(header.metadata);
  files_.push_back(std::make_unique<MappedFile>(std::move(mapped)));
  const MappedFile& file = *files_.back();
  for (SafetensorsEntry& entry : header.tensors) {
    if (wanted != nullptr) {
      const auto listed = wanted->shard_of.find(entry.name);
      if (listed == wanted->shard_of.end() || listed->second != shard) continue;
    }
    const auto [node, added] = tensors_.try_emplace(std::move(entry.name));
    CHECK(added);  // names are unique in a header, and an index gives each to one shard
    TensorView& view = node->second;
    view.name = node->first;
    view.type = entry.type;
    view.shape = std::move(entry.shape);
    view.data = file.bytes().subspan(entry.begin, entry.end - entry.begin);
    view.file = &file;
  }
  return {};
}

Status Checkpoint::AddShards(const std::string& directory, const std::string& index_file,
                             std::vector<Error>* problems) {
  const std::string index_path = Join(directory, index_file);
  MINNOW_ASSIGN_OR_RETURN(const ShardIndex index, ShardIndex::Read(index_path));
  for (const std::string& shard : index.shards) {
    Status added = AddFile(MappedFile::Open(Join(directory, shard)), &index, shard, problems);
    if (added.ok()) continue;
    if (problems == nullptr) return added;
    problems->push_back(std::move(added).error());
  }
  // A shard that could not be opened or read in full explains its missing tensors.
  if (problems != nullptr && !problems->empty()) return {};
  for (const auto& [name, shard] : index.shard_of) {
    if (Find(name) != nullptr) continue;
    Error error{Code::kCorrupt,
                index_path + ": tensor " + QuoteForMessage(name) + " is not in " + shard};
    if (problems == nullptr) return error;
    problems->push_back(std::move(error));
  }
  return {};
}

Status Checkpoint::AddDirectory(const std::string& directory, const std::string& stem,
                                std::vector<Error>* problems) {
  const std::string single = stem + ".safetensors", index = single + ".index.json";
  for (const std::string& file : {single, stem + ".fp16.safetensors"}) {
    const std::string other = file == single ? index : single + ".index.fp16.json";
    const std::string path = Join(directory, file);
    if (Exists(path)) return AddFile(MappedFile::Open(path), nullptr, "", problems);
    if (Exists(Join(directory, other))) return AddShards(directory, other, problems);
  }
  const std::string pickle = stem == kStem ? kPickleFile : stem + ".bin";
  if (Exists(Join(directory, pickle))) {
    return Error{Code::kUnsupported, directory + ": has " + pickle + " but no " + single +
                                         ": pickles can run code and are not read; convert the "
                                         "model to safetensors"};
  }
  return Error{Code::kNotFound, directory + ": no " + single + " and no " + index};
}

Result<Checkpoint> Checkpoint::OpenFile(const std::string& path) {
  Checkpoint checkpoint;
  MINNOW_RETURN_IF_ERROR(checkpoint.AddFile(MappedFile::Open(path), nullptr, "", nullptr));
  return checkpoint;
}

Result<Checkpoint> Checkpoint::FromMapped(MappedFile file) {
  Checkpoint checkpoint;
  MINNOW_RETURN_IF_ERROR(checkpoint.AddFile(std::move(file), nullptr, "", nullptr));
  return checkpoint;
}

Result<Checkpoint> Checkpoint::OpenDirectory(const std::string& directory,
                                             const std::string& stem) {
  Checkpoint checkpoint;
  MINNOW_RETURN_IF_ERROR(checkpoint.AddDirectory(directory, stem, nullptr));
  return checkpoint;
}

Checkpoint Checkpoint::Examine(const std::string& path, std::vector<Error>& problems) {
  Checkpoint checkpoint;
  std::vector<Error> found;
  std::error_code ec;
  Status opened = std::filesystem::is_directory(path, ec)
                      ? checkpoint.AddDirectory(path, kStem, &found)
                      : checkpoint.AddFile(MappedFile::Open(path), nullptr, "", &found);
  if (!opened.ok()) found.push_back(std::move(opened).error());
  problems.insert(problems.end(), std::make_move_iterator(found.begin()),
                  std::make_move_iterator(found.end()));
  return checkpoint;
}

const TensorView* Checkpoint::Find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

std::string Checkpoint::name() const {
  return files_.empty() ? std::string("checkpoint") : files_.front()->path();
}

}  // namespace minnow
