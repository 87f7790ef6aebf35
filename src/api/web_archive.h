// SPDX-License-Identifier: Apache-2.0
// What the build makes of web/ (cmake/embed_web.cmake); web_files.h is for everybody else.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace minnow::api {

struct WebArchiveEntry {
  std::string_view name;
  std::string_view sha256;
  size_t begin;  // byte of the files one after the other
  size_t size;
};

struct WebArchive {
  std::string_view gzip;  // of the files one after the other
  size_t bytes;           // of those
  std::span<const WebArchiveEntry> entries;
  std::string_view version;
};

WebArchive GetWebArchive();

}  // namespace minnow::api
