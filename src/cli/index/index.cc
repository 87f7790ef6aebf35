// SPDX-License-Identifier: Apache-2.0
// The group of commands about an index.
#include "cli/index/index.h"

#include "cli/command_line/command.h"
#include "cli/commands.h"

namespace minnow {

void AddIndexCommand(Command app) {
  Command group = app.AddCommand("index", "Build and keep an index of documents");
  group.RequireCommand();
  AddIndexAddCommand(group);
  AddIndexListCommand(group);
  AddIndexStatsCommand(group);
  AddIndexDeleteCommand(group);
  AddIndexCompactCommand(group);
  AddIndexBackupCommand(group);
  AddIndexSnapshotCommand(group);
  AddIndexVerifyCommand(group);
  group.Footer(
      "Examples:\n"
      "  minnow index add docs src --index my.db --model model.minnow\n"
      "  minnow index stats --index my.db --json\n"
      "  minnow search \"how are pods scheduled\" --index my.db");
}

}  // namespace minnow
