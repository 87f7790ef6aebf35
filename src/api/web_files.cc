// SPDX-License-Identifier: Apache-2.0
// Unpacks the page, which takes a third of its room in the program, when it is first asked for.
#include "api/web_files.h"

#include <zlib.h>

#include <string>
#include <vector>

#include "api/web_archive.h"
#include "base/check.h"

namespace minnow::api {
namespace {

struct Unpacked {
  std::string bytes;
  std::vector<WebFile> files;
};

std::string Inflate(const WebArchive& archive) {
  std::string bytes(archive.bytes, '\0');
  z_stream stream = {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(archive.gzip.data()));
  stream.avail_in = static_cast<uInt>(archive.gzip.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  constexpr int kGzipWindow = 16 + MAX_WBITS;
  CHECK(inflateInit2(&stream, kGzipWindow) == Z_OK);
  const int ended = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  CHECK(ended == Z_STREAM_END && stream.avail_out == 0);
  return bytes;
}

Unpacked* Unpack() {
  const WebArchive archive = GetWebArchive();
  auto* unpacked = new Unpacked{Inflate(archive), {}};
  const std::string_view bytes = unpacked->bytes;
  for (const WebArchiveEntry& entry : archive.entries) {
    unpacked->files.push_back({entry.name, entry.sha256, bytes.substr(entry.begin, entry.size)});
  }
  return unpacked;
}

}  // namespace

std::span<const WebFile> WebFiles() {
  static const Unpacked* const unpacked = Unpack();  // for as long as the program runs
  return unpacked->files;
}

std::string_view WebVersion() { return GetWebArchive().version; }

}  // namespace minnow::api
