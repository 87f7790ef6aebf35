// SPDX-License-Identifier: Apache-2.0
#include "models/hub_cache.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/mapped_file.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxNameBytes = 200;
constexpr size_t kMaxRefBytes = 200;
constexpr std::string_view kFolderPrefix = "models--";
constexpr std::string_view kSlash = "--";  // as a folder's name writes it

// A path below the cache, and never out of it.
bool IsSafe(std::string_view name) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/";
  return !name.empty() && name.size() <= kMaxNameBytes &&
         name.find_first_not_of(kLetters) == std::string_view::npos && name.front() != '/' &&
         name.back() != '/' && name.find("..") == std::string_view::npos &&
         name.find("//") == std::string_view::npos;
}

std::optional<fs::path> Snapshot(const fs::path& model, const std::string& commit) {
  if (!IsSafe(commit)) return std::nullopt;
  std::error_code ignored;
  fs::path path = model / "snapshots" / commit;
  if (!fs::exists(path / "config.json", ignored)) return std::nullopt;
  return path;
}

std::optional<fs::path> SnapshotOf(const fs::path& model, const std::string& revision) {
  if (auto path = Snapshot(model, revision)) return path;
  auto commit = ReadSmallFile((model / "refs" / revision).string(), kMaxRefBytes);
  if (!commit.ok()) return std::nullopt;
  commit->erase(commit->find_last_not_of(" \r\n") + 1);
  return Snapshot(model, *commit);
}

std::optional<fs::path> OnlySnapshot(const fs::path& model) {
  std::error_code error;
  std::optional<fs::path> only;
  for (const fs::directory_entry& entry : fs::directory_iterator(model / "snapshots", error)) {
    const auto path = Snapshot(model, entry.path().filename());
    if (!path.has_value()) continue;
    if (only.has_value()) return std::nullopt;
    only = path;
  }
  return only;
}

}  // namespace

std::string HubHome() {
  if (const char* home = std::getenv("HF_HOME"); home != nullptr && *home != '\0') return home;
  const char* user = std::getenv("HOME");
  return std::string(user == nullptr ? "" : user) + "/.cache/huggingface";
}

Result<std::string> FindInHubCache(const std::string& home, const std::string& model_id,
                                   const std::string& revision) {
  if (!IsSafe(model_id)) return Error{Code::kInvalidArgument, "model id: " + model_id};
  if (!revision.empty() && !IsSafe(revision)) {
    return Error{Code::kInvalidArgument, "revision: " + revision};
  }
  std::string folder = std::string(kFolderPrefix) + model_id;
  for (size_t at = 0; (at = folder.find('/', at)) != std::string::npos;)
    folder.replace(at, 1, kSlash);
  const fs::path model = fs::path(home) / "hub" / folder;
  auto found = SnapshotOf(model, revision.empty() ? "main" : revision);
  if (!found.has_value() && revision.empty()) found = OnlySnapshot(model);
  if (found.has_value()) return found->string();
  return Error{Code::kNotFound, model_id + (revision.empty() ? "" : " @ " + revision) +
                                    ": not in the cache at " + model.string() +
                                    "; minnow downloads nothing: name a model with --model"};
}

std::string ModelNameOf(const std::string& directory) {
  std::error_code error;
  // Links are not followed: who names a link names the model.
  fs::path path = fs::absolute(directory, error).lexically_normal();
  if (error) path = directory;
  if (path.filename().empty()) path = path.parent_path();  // of a trailing slash
  const std::string folder = path.parent_path().parent_path().filename().string();
  if (path.parent_path().filename() != "snapshots" || !folder.starts_with(kFolderPrefix)) {
    return path.filename().string();
  }
  std::string name = folder.substr(kFolderPrefix.size());
  // Only the first one: a repository's name may hold two hyphens, an organisation's may not.
  if (const size_t at = name.find(kSlash); at != std::string::npos) {
    name.replace(at, kSlash.size(), "/");
  }
  return name;
}

}  // namespace minnow
