// SPDX-License-Identifier: Apache-2.0
#include "api/search/index_json.h"

#include <cstdio>
#include <ctime>

namespace minnow::api {

std::string IsoTime(int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char date[32];
  char text[48];
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text, sizeof(text), "%s.%03dZ", date, static_cast<int>(unix_ms % 1000));
  return text;
}

void WriteIndex(const SearchIndex& index, const IndexStats& stats, bool functions,
                JsonWriter& json) {
  const IndexSettings settings = index.settings();
  json.BeginObject();
  json.Key("name");
  json.String(index.name());
  json.Key("documents");
  json.Uint(stats.documents);
  json.Key("chunks");
  json.Uint(stats.chunks);
  json.Key("pending_chunks");
  json.Uint(stats.pending_chunks);
  if (stats.refused_chunks > 0) {
    json.Key("refused_chunks");
    json.Uint(stats.refused_chunks);
  }
  json.Key("text_fields");
  json.BeginArray();
  for (const std::string& field : settings.text_fields) json.String(field);
  json.EndArray();
  json.Key("id_field");
  json.String(settings.id_field);
  json.Key("model");
  if (stats.model.has_value()) {
    json.BeginObject();
    json.Key("name");
    json.String(stats.model->name);
    json.Key("dtype");
    json.String(stats.model->dtype);
    json.Key("dimensions");
    json.Uint(stats.model->dimensions);
    json.EndObject();
  } else {
    json.Null();
  }
  json.Key("created_at");
  json.String(IsoTime(stats.created_at_ms));
  if (functions) {
    json.Key("search_mode");
    json.String("semantic");
  }
  json.EndObject();
}

void WriteTask(const TaskRecord& task, JsonWriter& json) {
  json.BeginObject();
  json.Key("id");
  json.Int(task.id);
  json.Key("index");
  json.String(task.index);
  json.Key("kind");
  json.String(task.kind);
  json.Key("status");
  json.String(TaskStatusName(task.status));
  json.Key("documents");
  json.Uint(task.documents);
  json.Key("pending_chunks");
  json.Uint(task.pending_chunks);
  json.Key("error");
  if (task.error.empty()) {
    json.Null();
  } else {
    json.String(task.error);
  }
  json.Key("enqueued_at");
  json.String(IsoTime(task.enqueued_at_ms));
  json.Key("finished_at");
  if (task.finished_at_ms.has_value()) {
    json.String(IsoTime(*task.finished_at_ms));
  } else {
    json.Null();
  }
  json.EndObject();
}

}  // namespace minnow::api
