// SPDX-License-Identifier: Apache-2.0
// Folders by std::filesystem, without exceptions.
#include "ingest/file_walk.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "formats/json.h"
#include "ingest/file_fields.h"
#include "text/unicode.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

// Deeper folders are not entered: paths have an end.
constexpr size_t kMaxDepth = 128;

Error SystemError(const std::string& path, const std::error_code& error) {
  const bool absent =
      error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  return Error{absent ? Code::kNotFound : Code::kInternal,
               path + ": cannot open: " + error.message()};
}

class Walker {
 public:
  explicit Walker(const WalkOptions& options) : options_(options) {}

  Result<Walk> Run(const std::vector<std::string>& arguments) {
    for (const std::string& argument : arguments) {
      MINNOW_RETURN_IF_ERROR(AddArgument(argument));
    }
    return std::move(walk_);
  }

 private:
  Status AddArgument(const std::string& argument) {
    std::error_code error;
    const fs::file_status status = fs::status(argument, error);
    if (!fs::exists(status)) {
      if (!error) error = std::make_error_code(std::errc::no_such_file_or_directory);
      return SystemError(argument, error);
    }
    std::string root;
    MINNOW_ASSIGN_OR_RETURN(const std::string id, IdOf(argument, &root));
    walk_.roots.push_back(std::move(root));
    if (fs::is_directory(status)) {
      walk_.prefixes.push_back(id.empty() ? "" : id + "/");
      MINNOW_RETURN_IF_ERROR(CheckReadable(argument));
      AddFolder(argument, id, /*depth=*/0);
      return {};
    }
    if (!fs::is_regular_file(status)) {
      return Error{Code::kInvalidArgument, argument + ": neither a file nor a folder"};
    }
    walk_.prefixes.push_back(id);
    AddFile(argument, id, /*named=*/true);
    return {};
  }

  static Status CheckReadable(const std::string& folder) {
    std::error_code error;
    const fs::directory_iterator first(folder, error);
    if (error) return SystemError(folder, error);
    return {};
  }

  // The argument relative to the root that is its own: "" for the root itself.
  Result<std::string> IdOf(const std::string& argument, std::string* root) const {
    std::error_code error;
    const fs::path current = fs::current_path(error);
    const auto whole = [&current](const std::string& path) {
      fs::path normal = (current / path).lexically_normal();
      return normal.has_filename() ? normal : normal.parent_path();
    };
    const fs::path path = whole(argument);
    fs::path base = options_.root.empty() ? current : whole(options_.root);
    fs::path relative = path.lexically_relative(base);
    const bool outside = relative.empty() || *relative.begin() == "..";
    if (outside && !options_.root.empty()) {
      return Error{Code::kInvalidArgument, argument + ": not inside " + options_.root};
    }
    if (outside) {
      relative = path.filename();
      base = path.parent_path();
    }
    const fs::path real = fs::weakly_canonical(base, error);
    *root = (error ? base : real).string();
    const std::string id = relative == "." ? "" : relative.string();
    if (!IsValidUtf8(id)) {
      return Error{Code::kInvalidArgument, RepairUtf8(argument) + ": its name is not UTF-8"};
    }
    return id;
  }

  void AddFolder(const std::string& path, const std::string& id, size_t depth) {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      names.push_back(it->path().filename().string());
    }
    if (!error && depth > kMaxDepth) error = std::make_error_code(std::errc::filename_too_long);
    if (error) return AddProblem(id, SystemError(path, error).message);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const std::string below = path + (path.ends_with('/') ? "" : "/") + name;
      AddEntry(below, id.empty() ? name : id + "/" + name, name, depth);
    }
  }

  void AddEntry(const std::string& path, const std::string& id, const std::string& name,
                size_t depth) {
    if (name.starts_with('.')) return Skip(path, SkipReason::kHidden);
    if (name == "node_modules" || name == "__pycache__")
      return Skip(path, SkipReason::kToolDirectory);
    for (const std::string& pattern : options_.exclude) {
      if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0 ||
          ::fnmatch(pattern.c_str(), id.c_str(), 0) == 0) {
        return Skip(path, SkipReason::kExcluded);
      }
    }
    std::error_code error;
    const fs::file_status status = fs::symlink_status(path, error);
    if (!IsValidUtf8(name)) return Skip(path, SkipReason::kNameNotUtf8);
    if (error) return AddProblem(id, SystemError(path, error).message);
    if (fs::is_directory(status)) return AddFolder(path, id, depth + 1);
    if (!fs::is_regular_file(status)) return Skip(path, SkipReason::kNotRegular);
    AddFile(path, id, /*named=*/false);
  }

  void AddFile(const std::string& path, const std::string& id, bool named) {
    std::error_code error;
    const auto [first, taken] = seen_.emplace(id, path);
    if (!taken) {
      // A file may be named twice.
      if (fs::equivalent(path, first->second, error)) return;
      return AddProblem(id, path + ": has the id " + QuoteForMessage(id) + ", as " + first->second +
                                " has; --root with a folder above both makes them differ");
    }
    FoundFile file{path, id, KindOf(FileName(id)), 0, named, options_.reading};
    const uintmax_t bytes = fs::file_size(path, error);
    if (!error) file.bytes = bytes;
    walk_.files.push_back(std::move(file));
  }

  void AddProblem(const std::string& id, std::string message) {
    walk_.problems.push_back({id, std::move(message)});
  }

  void Skip(const std::string& path, SkipReason reason) {
    ++walk_.skipped[reason];
    if (options_.skipped) options_.skipped(path, reason);
  }

  const WalkOptions& options_;
  Walk walk_;
  std::map<std::string, std::string> seen_;  // ids, and the files that have them
};

}  // namespace

const char* SkipReasonText(SkipReason reason) {
  switch (reason) {
    case SkipReason::kHidden:
      return "hidden";
    case SkipReason::kToolDirectory:
      return "node_modules or __pycache__";
    case SkipReason::kExcluded:
      return "excluded";
    case SkipReason::kNotRegular:
      return "not a regular file";
    case SkipReason::kBinary:
      return "binary";
    case SkipReason::kNotProse:
      return "not prose";
    case SkipReason::kForeign:
      return "format not read";
    case SkipReason::kTooLarge:
      return "too large";
    case SkipReason::kEmpty:
      return "empty";
    case SkipReason::kNoDocuments:
      return "no documents";
    case SkipReason::kNameNotUtf8:
      return "name not UTF-8";
  }
  return "";
}

bool IsBelow(std::string_view id, std::string_view prefix) {
  return prefix.empty() || prefix.ends_with('/') ? id.starts_with(prefix) : id == prefix;
}

Result<Walk> WalkFiles(const std::vector<std::string>& arguments, const WalkOptions& options) {
  return Walker(options).Run(arguments);
}

}  // namespace minnow
