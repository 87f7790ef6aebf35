// SPDX-License-Identifier: Apache-2.0
// The fields that every document made from a file has, and by which it is known again.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/json.h"

namespace minnow {

class SearchIndex;

struct FileFields {
  std::string_view id;  // the path, or begins with it: "path#name", "path:line"
  std::string_view path;
  std::string_view lang;  // "go", "markdown"; may be empty
  std::string_view kind;  // "code" or "text"
};

// Writes id, path, dir (the path's folder, "." for none), lang and kind into an open object. Stores
// are full of such bytes: FilePathOf has to know those of former versions, too.
void WriteFileFields(const FileFields& fields, JsonWriter& json);

// A document of these fields, "title" and "text", as JSON text. An empty title is the file's name;
// a longer one than 300 bytes is cut.
std::string TextDocument(const FileFields& fields, std::string_view title, std::string_view text);

// At most `limit` bytes of well-formed UTF-8, cut between characters.
std::string_view CutUtf8(std::string_view text, size_t limit);

// The path of the file that a document was made from. Records of data files and of requests may
// have a path, too: the document has to begin with the very bytes of WriteFileFields.
std::optional<std::string> FilePathOf(std::string_view json);

// Calls `visit` for each document of the index that was made from a file, page by page: what is
// added or deleted meanwhile may be passed over. Fails as SearchIndex does.
Status VisitFileDocuments(
    const SearchIndex& index,
    const std::function<void(const std::string& id, const std::string& path)>& visit);

// The path's last part.
std::string_view FileName(std::string_view path);

}  // namespace minnow
