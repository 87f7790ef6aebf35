// SPDX-License-Identifier: Apache-2.0
// What a file's path says.
#include "tasks/ingest/file_fields.h"

namespace minnow {

std::string_view FileName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void WriteFileFields(const FileFields& fields, JsonWriter& json) {
  json.Key("id");
  json.String(fields.id);
  json.Key("path");
  json.String(fields.path);
  json.Key("dir");
  const size_t slash = fields.path.rfind('/');
  json.String(slash == fields.path.npos ? "." : fields.path.substr(0, slash));
  if (!fields.lang.empty()) {
    json.Key("lang");
    json.String(fields.lang);
  }
  json.Key("kind");
  json.String(fields.kind);
}

}  // namespace minnow
