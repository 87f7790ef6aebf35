// SPDX-License-Identifier: Apache-2.0
// minnow index snapshot: the next generation of a folder that replicas serve.
#include <memory>
#include <string>

#include "cli/command_line/command.h"
#include "cli/index/index.h"
#include "cli/index/store_option.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "formats/json.h"
#include "index/snapshot/publish.h"

namespace minnow {
namespace {

struct SnapshotCommand {
  StoreOption store;
  std::string output;
  size_t keep = 2;
  bool json = false;
};

struct Totals {
  uint64_t bytes = 0;
  uint64_t passages = 0;
  uint64_t waiting = 0;
};

Totals Sum(const SnapshotManifest& manifest) {
  Totals totals;
  for (const SnapshotFile& file : manifest.files) totals.bytes += file.bytes;
  for (const SnapshotIndex& index : manifest.indexes) {
    totals.passages += static_cast<uint64_t>(index.passages);
    totals.waiting += static_cast<uint64_t>(index.waiting);
  }
  return totals;
}

std::string AsJson(const SnapshotCommand& command, const PublishedSnapshot& published) {
  const Totals totals = Sum(published.manifest);
  std::string line;
  JsonWriter json(&line);
  json.BeginObject();
  json.Key("snapshot");
  json.String(command.output);
  json.Key("generation");
  json.Int(published.manifest.generation);
  json.Key("published");
  json.Bool(!published.unchanged);
  for (const auto& [name, value] : {std::pair("passages", totals.passages),
                                    {"waiting", totals.waiting},
                                    {"bytes", totals.bytes}}) {
    json.Key(name);
    json.Uint(value);
  }
  json.EndObject();
  return line + "\n";
}

std::string AsText(const SnapshotCommand& command, const PublishedSnapshot& published) {
  const Totals totals = Sum(published.manifest);
  std::string text = command.output + ": generation " +
                     std::to_string(published.manifest.generation) +
                     (published.unchanged ? ", as before: nothing has changed" : "") + ", " +
                     Plural(totals.passages, "passage") + ", " + Megabytes(totals.bytes);
  if (totals.waiting > 0) {
    text += "; " + std::to_string(totals.waiting) + " without a vector, which words alone find";
  }
  return text + "\n";
}

Status Snapshot(const SnapshotCommand& command) {
  MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForReading(command.store));
  const Interruptible interruptible;
  ProgressBar bar(command.json);
  auto published =
      PublishSnapshot(*store, command.output, command.keep, [&](uint64_t done, uint64_t total) {
        bar.Show("copying", done, total, "steps");
        return !Interruptible::requested();
      });
  bar.Clear();
  if (!published.ok()) {
    if (!Interruptible::requested()) return std::move(published).error();
    return Error{Code::kDeadline, "interrupted; the snapshot is as it was"};
  }
  Output output;
  output.Write(command.json ? AsJson(command, *published) : AsText(command, *published));
  return output.Finish();
}

}  // namespace

void AddIndexSnapshotCommand(Command group) {
  Command snapshot =
      group.AddCommand("snapshot", "Write a copy that replicas serve (minnow serve --index-from)");
  auto command = std::make_shared<SnapshotCommand>();
  AddStorePathOption(snapshot, command->store, EmbeddedStore::kTaken);
  snapshot.AddOption("-o,--output", command->output, "The folder of the snapshots").Required();
  snapshot
      .AddOption("--keep", command->keep,
                 "How many older generations stay, for replicas that are fetching them")
      .Range(size_t{0}, size_t{1000});
  snapshot.AddFlag("--json", command->json, "One JSON object instead of text");
  snapshot.Footer(
      "The store may be in use. Readers of the folder see the older generation or the new one,\n"
      "whole. Where the store has not changed, nothing is written.\n\n"
      "Examples:\n"
      "  minnow index snapshot --index my.db -o snapshots\n"
      "  minnow serve --model model.minnow --index-from snapshots");
  snapshot.OnChosen([command] {
    RequireStore(command->store, EmbeddedStore::kTaken);
    return ExitCode(Snapshot(*command));
  });
}

}  // namespace minnow
