// SPDX-License-Identifier: Apache-2.0
// Checksums of what decides a model's vectors.
#include "tasks/model_identity.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/mapped_file.h"
#include "formats/packed_header.h"
#include "formats/xxh64.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 2;  // modules lie in folders beside the transformer

// Other files (a README, the framework's versions) may change without a vector changing.
bool Decides(const fs::path& path) {
  const std::string name = path.filename();
  return name == "config.json" || name == "tokenizer.json" || name == "modules.json" ||
         name == "sentence_bert_config.json" || name.ends_with(".safetensors");
}

Result<std::vector<fs::path>> DecidingFiles(const std::string& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry.depth() >= kDeepest) entry.disable_recursion_pending();
    std::error_code ignored;  // a link to nowhere is no file
    if (!entry->is_regular_file(ignored) || !Decides(entry->path())) continue;
    if (entry->file_size(ignored) > 0) files.push_back(entry->path());
  }
  if (error) return Error{Code::kInternal, directory + ": " + error.message()};
  std::sort(files.begin(), files.end());
  return files;
}

void AddText(std::string_view text, Xxh64& checksum) {
  checksum.Update(std::as_bytes(std::span(text.data(), text.size())));
}

Result<std::string> DirectoryChecksum(const std::string& directory) {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<fs::path> files, DecidingFiles(directory));
  Xxh64 checksum;
  for (const fs::path& path : files) {
    MINNOW_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
    AddText(path.lexically_relative(directory).string(), checksum);
    AddText(std::string_view("\0", 1), checksum);
    AddText(std::to_string(file.bytes().size()) + "\n", checksum);
    checksum.Update(file.bytes());
    file.Release(file.bytes());
  }
  char digits[32];
  std::snprintf(digits, sizeof(digits), "xxh64:%016" PRIx64, checksum.Digest());
  return std::string(digits);
}

}  // namespace

Result<ModelIdentity> IdentifyModel(const ModelSource& source, const ModelInfo& info) {
  ModelIdentity identity;
  identity.name = info.model_id;
  identity.dtype = DtypeName(info.dtype);
  identity.dimensions = static_cast<size_t>(info.embedding_size);
  if (source.packed()) {
    const auto& metadata = source.packed()->checkpoint().metadata();
    const auto found = metadata.find(kPackedChecksumKey);
    if (found == metadata.end()) {
      return Error{Code::kCorrupt, source.name() + ": " + kPackedChecksumKey + ": no checksum"};
    }
    identity.checksum = found->second;
    return identity;
  }
  MINNOW_ASSIGN_OR_RETURN(identity.checksum, DirectoryChecksum(source.directory()));
  return identity;
}

}  // namespace minnow
