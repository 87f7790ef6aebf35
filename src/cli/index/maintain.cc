// SPDX-License-Identifier: Apache-2.0
// minnow index delete, compact, backup and verify: care for a store.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line/command.h"
#include "cli/index/index.h"
#include "cli/index/store_option.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "formats/json.h"
#include "index/store/verify.h"

namespace minnow {
namespace {

struct MaintainCommand {
  StoreOption store;
  bool json = false;
  std::string output;            // of backup
  std::vector<std::string> ids;  // of delete
  std::string filter;
  bool whole = false;
};

uint64_t FileBytes(const std::string& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

// One line of text, or an object of one number and the store's path (empty: what the program
// carries); full_text: of verify.
Status Tell(const MaintainCommand& command, const std::string& text, const char* key,
            uint64_t value, std::optional<bool> full_text = std::nullopt) {
  std::string line = text + "\n";
  if (command.json) {
    line.clear();
    JsonWriter json(&line);
    json.BeginObject();
    json.Key("index");
    json.String(command.store.path);
    json.Key(key);
    json.Uint(value);
    if (full_text) {
      json.Key("full_text");
      json.Bool(*full_text);
    }
    json.EndObject();
    line += '\n';
  }
  Output output;
  output.Write(line);
  return output.Finish();
}

// Long work with its bar, until it is done or interrupted.
Status WithBar(const char* what, const std::function<Status(const Progress&)>& work) {
  const Interruptible interruptible;
  ProgressBar bar(/*quiet=*/false);
  const Status status = work([&](uint64_t done, uint64_t total) {
    bar.Show(what, done, total, "steps");
    return !Interruptible::requested();
  });
  bar.Clear();
  if (!status.ok() && Interruptible::requested()) {
    return Error{Code::kDeadline, "interrupted; the store is as it was"};
  }
  return status;
}

Status Compact(const MaintainCommand& command) {
  MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForWriting(command.store, /*create=*/false));
  const uint64_t before = FileBytes(command.store.path);
  MINNOW_RETURN_IF_ERROR(
      WithBar("compacting", [&](const Progress& progress) { return store->Compact(progress); }));
  const uint64_t after = FileBytes(command.store.path);
  return Tell(
      command,
      command.store.path + ": " + Megabytes(before) + " before, " + Megabytes(after) + " now",
      "bytes", after);
}

Status Backup(const MaintainCommand& command) {
  MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForReading(command.store));
  MINNOW_RETURN_IF_ERROR(WithBar("copying", [&](const Progress& progress) {
    return store->Backup(command.output, progress);
  }));
  const uint64_t bytes = FileBytes(command.output);
  return Tell(command, command.output + ": " + Megabytes(bytes), "bytes", bytes);
}

Status Verify(const MaintainCommand& command) {
  MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForReading(command.store));
  bool full_text = false;
  MINNOW_RETURN_IF_ERROR(WithBar("reading", [&](const Progress& progress) -> Status {
    MINNOW_RETURN_IF_ERROR(store->Verify(progress));
    if (command.store.path.empty()) return {};
    MINNOW_ASSIGN_OR_RETURN(full_text, VerifyFullText(command.store.path, progress));
    return {};
  }));
  size_t documents = 0;
  for (const auto& index : store->Indexes()) {
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
    documents += stats.documents;
  }
  const char* unchecked =
      full_text ? "" : "; its full text was not checked: the store cannot be written here";
  return Tell(command,
              NameOf(command.store) + ": good, " + Plural(documents, "document") + unchecked,
              "documents", documents, full_text);
}

Status Delete(const MaintainCommand& command) {
  MINNOW_ASSIGN_OR_RETURN(const auto store, OpenForWriting(command.store, /*create=*/false));
  MINNOW_ASSIGN_OR_RETURN(const auto index, FindNamed(*store, command.store));
  size_t deleted = 0;
  if (command.whole) {
    MINNOW_ASSIGN_OR_RETURN(const IndexStats stats, index->Stats());
    deleted = stats.documents;
    MINNOW_RETURN_IF_ERROR(store->DropIndex(command.store.name));
  } else if (!command.filter.empty()) {
    MINNOW_ASSIGN_OR_RETURN(const DeleteOutcome outcome, index->DeleteWhere(command.filter));
    deleted = outcome.deleted;
  } else {
    MINNOW_ASSIGN_OR_RETURN(const DeleteOutcome outcome, index->Delete(command.ids));
    deleted = outcome.deleted;
  }
  MINNOW_RETURN_IF_ERROR(store->RunMaintenance(/*at_end=*/true));
  return Tell(command, Plural(deleted, "document") + " deleted", "deleted", deleted);
}

std::shared_ptr<MaintainCommand> AddCommand(Command command, EmbeddedStore embedded,
                                            Status (*run)(const MaintainCommand&)) {
  auto options = std::make_shared<MaintainCommand>();
  AddStorePathOption(command, options->store, embedded);
  command.AddFlag("--json", options->json, "One JSON object instead of text");
  command.OnChosen([options, embedded, run] {
    RequireStore(options->store, embedded);
    return ExitCode(run(*options));
  });
  return options;
}

}  // namespace

void AddIndexCompactCommand(Command group) {
  Command compact = group.AddCommand("compact", "Give freed space back to the file system");
  AddCommand(compact, EmbeddedStore::kRefused, Compact);
  compact.Footer("Examples:\n  minnow index compact --index my.db");
}

void AddIndexBackupCommand(Command group) {
  Command backup = group.AddCommand("backup", "Copy a store that may be in use");
  const auto command = AddCommand(backup, EmbeddedStore::kTaken, Backup);
  backup
      .AddOption("FILE", command->output,
                 "The copy; it appears when it is complete, in place of an older one")
      .Required();
  backup.Footer("Examples:\n  minnow index backup copy.db --index my.db");
}

void AddIndexVerifyCommand(Command group) {
  Command verify = group.AddCommand("verify", "Read a whole store and say whether it is good");
  AddCommand(verify, EmbeddedStore::kTaken, Verify);
  verify.Footer(
      "Changes nothing. Writers wait while the full text is checked, which needs a store that can\n"
      "be written; where it cannot, that is said (--json: \"full_text\": false).\n\n"
      "Examples:\n  minnow index verify --index my.db");
}

void AddIndexDeleteCommand(Command group) {
  Command remove = group.AddCommand("delete", "Delete documents, or a whole index");
  auto command = std::make_shared<MaintainCommand>();
  AddStoreOptions(remove, command->store);
  Option ids = remove.AddOption("ID", command->ids, "Ids of documents");
  Option filter = remove.AddOption("--filter", command->filter, "Documents for which this is true");
  Option whole =
      remove.AddFlag("--whole-index", command->whole, "The index --name, with all in it");
  filter.Excludes(ids).Excludes(whole);
  whole.Excludes(ids);
  remove.AddFlag("--json", command->json, "One JSON object instead of text");
  remove.Footer(
      "Ids that do not exist are passed over.\n\n"
      "Examples:\n"
      "  minnow index delete docs/old.md docs/older.md --index my.db\n"
      "  minnow index delete --filter 'path STARTS WITH \"docs/old/\"' --index my.db\n"
      "  minnow index delete --name drafts --whole-index --index my.db");
  remove.OnChosen([command] {
    RequireStore(command->store, EmbeddedStore::kRefused);
    if (command->ids.empty() && command->filter.empty() && !command->whole) {
      RequireArgument("ID, --filter or --whole-index");
    }
    return ExitCode(Delete(*command));
  });
}

}  // namespace minnow
