// SPDX-License-Identifier: Apache-2.0
// WalkFiles: the files that arguments of a command line stand for, in sorted order, with stable
// ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/file_kind.h"
#include "ingest/input/encoding.h"

namespace minnow {

// Why a file gives no documents.
enum class SkipReason {
  kHidden,         // its name, or a folder's, begins with a dot
  kToolDirectory,  // node_modules and __pycache__: what tools put there
  kExcluded,       // by a pattern of the caller's
  kNotRegular,     // a symbolic link, pipe, socket or device
  kBinary,
  kNotProse,
  kForeign,  // a format that is not read
  kTooLarge,
  kEmpty,
  kNoDocuments,  // JSON or CSV without ids, found in a folder
  kNameNotUtf8,  // and ids are
};
// "hidden", "binary", "too large": for people.
const char* SkipReasonText(SkipReason reason);

// How files are to be read, where they do not say it themselves.
struct FileReading {
  std::optional<TextEncoding> encoding;
  char delimiter = '\0';  // of CSV; zero: found by the first row
  // Told what is left out of a file that is read; may be empty.
  std::function<void(const std::string& message)> note;
};

struct FoundFile {
  std::string path;  // to open it
  std::string id;    // relative to the root; well-formed UTF-8
  FileKind kind;
  uint64_t bytes = 0;
  bool named = false;  // by an argument, not found in a folder
  FileReading reading = {};
};

struct WalkOptions {
  // Ids are paths relative to this folder. Empty: to the current directory, and to an argument's
  // own parent folder where it lies outside; there different files may come to have one id, of
  // which the first is taken.
  std::string root;
  std::vector<std::string> exclude;  // shell patterns, of names or of ids
  FileReading reading;               // of all files
  std::function<void(const std::string& path, SkipReason reason)> skipped;  // may be empty
};

// A file or folder that should have been taken and could not be.
struct WalkProblem {
  std::string id;
  std::string message;  // "docs/sub: cannot open: Permission denied"
};

struct Walk {
  std::vector<FoundFile> files;
  // Folders that cannot be read, and files whose id another file has.
  std::vector<WalkProblem> problems;
  // What ids of the arguments' files begin with ("docs/"; the whole id for a file; empty: all).
  std::vector<std::string> prefixes;
  // The folder that each prefix is relative to: an absolute path without links where it exists.
  std::vector<std::string> roots;
  std::map<SkipReason, size_t> skipped;  // a folder counts once
};

// Whether an id, or a longer prefix of ids, is one of those that a prefix of Walk stands for.
bool IsBelow(std::string_view id, std::string_view prefix);

// Symbolic links inside folders are not followed, so that there are no loops; an argument may be
// one. Fails for an argument that does not exist (kNotFound), that is neither file nor folder, or
// that lies outside `root` (kInvalidArgument).
Result<Walk> WalkFiles(const std::vector<std::string>& arguments, const WalkOptions& options);

}  // namespace minnow
