// SPDX-License-Identifier: Apache-2.0
// minnow index list and stats: what a store holds.
#include <memory>
#include <string>
#include <vector>

#include "cli/command_line/command.h"
#include "cli/index/index.h"
#include "cli/index/store_option.h"
#include "cli/output.h"
#include "formats/json.h"

namespace minnow {
namespace {

struct DescribeCommand {
  StoreOption store;
  bool json = false;
};

void WriteModel(const std::optional<ModelIdentity>& model, JsonWriter& json) {
  if (!model) return json.Null();
  json.BeginObject();
  json.Key("name");
  json.String(model->name);
  json.Key("dtype");
  json.String(model->dtype);
  json.Key("dimensions");
  json.Uint(model->dimensions);
  json.Key("checksum");
  json.String(model->checksum);
  json.Key("path");
  if (model->path.empty()) {
    json.Null();
  } else {
    json.String(model->path);
  }
  json.EndObject();
}

void WriteIndex(const SearchIndex& index, const IndexStats& stats, JsonWriter& json) {
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
  json.Key("refused_chunks");
  json.Uint(stats.refused_chunks);
  json.Key("text_fields");
  json.BeginArray();
  for (const std::string& field : settings.text_fields) json.String(field);
  json.EndArray();
  json.Key("id_field");
  json.String(settings.id_field);
  json.Key("model");
  WriteModel(stats.model, json);
  json.Key("store_bytes");
  json.Uint(stats.bytes);
  json.EndObject();
}

std::string CommaSeparated(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string IndexText(const SearchIndex& index, const IndexStats& stats) {
  const IndexSettings settings = index.settings();
  const std::string fields =
      settings.text_fields.empty() ? "title, text (default)" : CommaSeparated(settings.text_fields);
  std::string text = "index           " + index.name() + "\n";
  text += "documents       " + std::to_string(stats.documents) + "\n";
  text += "chunks          " + std::to_string(stats.chunks);
  if (stats.pending_chunks > 0)
    text += ", " + std::to_string(stats.pending_chunks) + " of them without a vector yet";
  if (stats.refused_chunks > 0)
    text += ", " + std::to_string(stats.refused_chunks) + " of them refused by the model";
  text += "\ntext fields     " + fields + "\nid field        " + settings.id_field +
          "\nmodel           ";
  if (stats.model) {
    text += stats.model->name + ", " + stats.model->dtype + ", " +
            std::to_string(stats.model->dimensions) + " dimensions, checksum " +
            stats.model->checksum + "\nmodel path      " +
            (stats.model->path.empty() ? "not known" : ForTerminal(stats.model->path));
  } else {
    text += "none yet";
  }
  return text + "\nstore           " + Megabytes(stats.bytes) + "\n";
}

Status Describe(const DescribeCommand& command) {
  MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForReading(command.store));
  MINNOW_ASSIGN_OR_RETURN(const auto index, FindNamed(*store, command.store));
  MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
  std::string text;
  if (command.json) {
    JsonWriter json(&text);
    WriteIndex(*index, stats, json);
    text += '\n';
  } else {
    text = IndexText(*index, stats);
  }
  Output output;
  output.Write(text);
  return output.Finish();
}

Status List(const DescribeCommand& command) {
  MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForReading(command.store));
  std::string text;
  JsonWriter json(&text);
  if (command.json) json.BeginArray();
  for (const auto& index : store->Indexes()) {
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
    if (command.json) {
      WriteIndex(*index, stats, json);
    } else {
      text += index->name() + "\t" + std::to_string(stats.documents) + " documents\t" +
              std::to_string(stats.chunks) + " chunks\t" +
              (stats.model ? stats.model->name + " (" + stats.model->dtype + ")" : "no model yet") +
              "\n";
    }
  }
  if (command.json) {
    json.EndArray();
    text += '\n';
  }
  Output output;
  output.Write(text);
  return output.Finish();
}

}  // namespace

void AddIndexStatsCommand(Command group) {
  Command stats = group.AddCommand("stats", "What one index holds");
  auto command = std::make_shared<DescribeCommand>();
  AddStoreOptions(stats, command->store, EmbeddedStore::kTaken);
  stats.AddFlag("--json", command->json, "One JSON object instead of text");
  stats.Footer(
      "Examples:\n"
      "  minnow index stats --index my.db\n"
      "  minnow index stats --index my.db --name code --json");
  stats.OnChosen([command] {
    RequireStore(command->store, EmbeddedStore::kTaken);
    return ExitCode(Describe(*command));
  });
}

void AddIndexListCommand(Command group) {
  Command list = group.AddCommand("list", "The indexes of a store");
  auto command = std::make_shared<DescribeCommand>();
  AddStorePathOption(list, command->store, EmbeddedStore::kTaken);
  list.AddFlag("--json", command->json, "A JSON array instead of lines");
  list.Footer("Examples:\n  minnow index list --index my.db");
  list.OnChosen([command] {
    RequireStore(command->store, EmbeddedStore::kTaken);
    return ExitCode(List(*command));
  });
}

}  // namespace minnow
