// SPDX-License-Identifier: Apache-2.0
// The files of web/, which the build puts into the program (cmake/web.cmake).
//
// Constant for the life of the program; any thread.
#pragma once

#include <span>
#include <string_view>

namespace minnow::api {

struct WebFile {
  std::string_view name;    // "app.js"
  std::string_view sha256;  // of the bytes, in hexadecimal
  std::string_view bytes;
};

// Sorted by name.
std::span<const WebFile> WebFiles();
// Twelve hexadecimal digits that change when any of the files does.
std::string_view WebVersion();

}  // namespace minnow::api
