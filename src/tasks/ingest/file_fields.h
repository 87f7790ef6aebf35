// SPDX-License-Identifier: Apache-2.0
// The fields that every document made from a file has.
#pragma once

#include <string_view>

#include "formats/json.h"

namespace minnow {

struct FileFields {
  std::string_view id;
  std::string_view path;
  std::string_view lang;  // "go", "markdown"; may be empty
  std::string_view kind;  // "code" or "text"
};

// Writes id, path, dir (the path's folder, "." for none), lang and kind into an open object.
void WriteFileFields(const FileFields& fields, JsonWriter& json);

// The path's last part.
std::string_view FileName(std::string_view path);

}  // namespace minnow
