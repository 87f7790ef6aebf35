// SPDX-License-Identifier: Apache-2.0
#include "api/images/jobs/status_json.h"

#include "api/generate/fields.h"

namespace minnow::api {
namespace {

void PutSeconds(JsonWriter& json, std::string_view name, const std::optional<int64_t>& seconds) {
  json.Key(name);
  if (seconds) {
    json.Int(*seconds);
  } else {
    json.Null();
  }
}

void WriteHead(const ImageJobStatus& status, JsonWriter& json) {
  Put(json, "id", status.id);
  Put(json, "kind", "img_gen");
  Put(json, "status", ImageJobStateName(status.state));
  json.Key("created");
  json.Int(status.created);
}

void PutProgress(const ImageJobStatus& status, JsonWriter& json) {
  PutUint(json, "step", status.step);
  PutUint(json, "steps", status.steps);
  PutUint(json, "elapsed_ms", static_cast<uint64_t>(status.elapsed.count()));
  if (status.eta) {
    PutUint(json, "eta_ms", static_cast<uint64_t>(status.eta->count()));
  } else {
    PutNull(json, "eta_ms");
  }
}

void WriteResult(const ImageJobResult& result, bool files, JsonWriter& json) {
  json.BeginObject();
  Put(json, "output_format", result.format);
  PutUint(json, "width", result.width);
  PutUint(json, "height", result.height);
  json.Key("images");
  json.BeginArray();
  for (size_t i = 0; i < result.files.size(); ++i) {
    json.BeginObject();
    PutUint(json, "index", i);
    PutUint(json, "seed", result.seeds[i]);
    Put(json, "parameters", result.texts[i]);
    if (files) Put(json, "b64_json", result.files[i]);
    json.EndObject();
  }
  json.EndArray();
  json.Key("warnings");
  json.BeginArray();
  for (const std::string& warning : result.warnings) json.String(warning);
  json.EndArray();
  json.EndObject();
}

std::string_view EventName(ImageJobState state) {
  return state == ImageJobState::kGenerating ? "progress" : ImageJobStateName(state);
}

}  // namespace

void WriteAccepted(const ImageJobStatus& status, JsonWriter& json) {
  json.BeginObject();
  WriteHead(status, json);
  Put(json, "poll_url", std::string(kImageJobsPath) + status.id);
  Put(json, "events_url", std::string(kImageJobsPath) + status.id + "/events");
  json.EndObject();
}

void WriteJob(const ImageJobStatus& status, bool files, JsonWriter& json) {
  json.BeginObject();
  WriteHead(status, json);
  PutSeconds(json, "started", status.started);
  PutSeconds(json, "completed", status.completed);
  PutUint(json, "queue_position", status.queue_position);
  json.Key("progress");
  json.BeginObject();
  PutProgress(status, json);
  json.EndObject();
  json.Key("result");
  if (status.result != nullptr) {
    WriteResult(*status.result, files, json);
  } else {
    json.Null();
  }
  json.Key("error");
  if (status.error) {
    json.BeginObject();
    Put(json, "code", status.error->code);
    Put(json, "message", status.error->message);
    json.EndObject();
  } else {
    json.Null();
  }
  json.EndObject();
}

void AppendJobEvent(const ImageJobStatus& status, std::string_view preview, std::string& out) {
  std::string data;
  JsonWriter json(&data);
  if (HasEnded(status.state)) {
    WriteJob(status, /*files=*/false, json);
  } else {
    json.BeginObject();
    if (status.state == ImageJobState::kQueued) {
      PutUint(json, "queue_position", status.queue_position);
    } else {
      PutProgress(status, json);
      if (!preview.empty()) Put(json, "preview", preview);
    }
    json.EndObject();
  }
  out.append("event: ").append(EventName(status.state)).append("\ndata: ").append(data);
  out += "\n\n";
}

}  // namespace minnow::api
