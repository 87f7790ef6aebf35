// SPDX-License-Identifier: Apache-2.0
// Fields of one line to fields of one document, after
// https://github.com/iwanhae/Kuberian/blob/2b6a25a/indexer/1_gen_sqlite3_db.ipynb
#include "ingest/kuberian_record.h"

#include <limits>
#include <string_view>

namespace minnow {
namespace {

constexpr std::string_view kSummaryFollows = "In one sentence, this is a function that";

std::optional<std::string_view> Text(const std::optional<JsonView>& object, std::string_view name) {
  if (!object || !object->is_object()) return std::nullopt;
  const auto field = object->Find(name);
  if (!field || !field->is_string()) return std::nullopt;
  return *field->String();
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<std::string_view> Summary(const JsonView& object,
                                        const std::optional<JsonView>& parsed) {
  if (const auto summary = Text(object, "summary")) return summary;
  if (!parsed || !parsed->is_object()) return std::nullopt;
  if (const auto summary = Text(parsed, "summary")) return summary;
  if (const auto result = Text(object, "result")) {
    const size_t at = result->find(kSummaryFollows);
    if (at != result->npos) {
      const std::string_view rest = result->substr(at + kSummaryFollows.size());
      return Trim(rest.substr(0, rest.find(kSummaryFollows)));
    }
  }
  for (const std::string_view name : {"purpose", "background", "analysis"}) {
    if (const auto text = Text(parsed, name)) return text;
  }
  return std::nullopt;
}

}  // namespace

bool IsKuberianRecord(const JsonView& object) {
  if (!object.is_object() || !object.Find("id")) return false;
  for (const std::string_view name : {"name", "signature", "file", "code"}) {
    if (!Text(object, name)) return false;
  }
  const auto line = object.Find("line");
  if (!line || !line->is_object()) return false;
  constexpr int64_t kLast = std::numeric_limits<int32_t>::max();
  return line->GetInt("from", 0, kLast).ok() && line->GetInt("to", 0, kLast).ok();
}

std::string WriteKuberianFunction(const KuberianFunction& function) {
  std::string out;
  JsonWriter json(&out);
  const auto text = [&json](std::string_view key, const std::optional<std::string_view>& value) {
    json.Key(key);
    if (value) {
      json.String(*value);
    } else {
      json.Null();
    }
  };
  json.BeginObject();
  json.Key("id");
  if (function.id.empty()) {
    json.Null();
  } else {
    json.String(function.id);
  }
  text("name", function.name);
  text("signature", function.signature);
  text("file", function.file);
  json.Key("line");
  json.BeginObject();
  json.Key("start");
  json.Int(function.line_start);
  json.Key("end");
  json.Int(function.line_end);
  json.EndObject();
  text("summary", function.summary);
  text("code", function.code);
  text("background", function.background);
  text("analysis", function.analysis);
  text("purpose", function.purpose);
  text("comment", function.comment);
  text("opinion", function.opinion);
  json.EndObject();
  return out;
}

std::string KuberianDocument(const JsonView& object) {
  const std::optional<JsonView> parsed = object.Find("parsed");
  const JsonView line = *object.Find("line");
  constexpr int64_t kLast = std::numeric_limits<int32_t>::max();
  KuberianFunction function;
  const JsonView id = *object.Find("id");
  if (const auto number =
          id.Int(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
      number.ok()) {
    function.id = std::to_string(*number);
  } else if (id.is_string()) {
    function.id = *id.String();
  }
  function.line_start = *line.GetInt("from", 0, kLast);
  function.line_end = *line.GetInt("to", 0, kLast);
  function.name = Text(object, "name");
  function.signature = Text(object, "signature");
  function.file = Text(object, "file");
  function.summary = Summary(object, parsed);
  function.code = Text(object, "code");
  function.background = Text(parsed, "background");
  function.analysis = Text(parsed, "analysis");
  function.purpose = Text(parsed, "purpose");
  function.comment = Text(parsed, "comment");
  function.opinion = Text(parsed, "tldr");  // Kuberian's label for it
  return WriteKuberianFunction(function);
}

}  // namespace minnow
