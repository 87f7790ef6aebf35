// SPDX-License-Identifier: Apache-2.0
// The group of commands about an index.
#include "cli/index/index.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace minnow {

void AddIndexCommand(CLI::App& app, int& exit_code) {
  CLI::App* group = app.add_subcommand("index", "Build and keep an index of documents");
  group->require_subcommand(1);
  AddIndexAddCommand(*group, exit_code);
  AddIndexListCommand(*group, exit_code);
  AddIndexStatsCommand(*group, exit_code);
  AddIndexDeleteCommand(*group, exit_code);
  AddIndexCompactCommand(*group, exit_code);
  AddIndexBackupCommand(*group, exit_code);
  AddIndexVerifyCommand(*group, exit_code);
  group->footer(
      "Examples:\n"
      "  minnow index add docs src --index my.db --model model.minnow\n"
      "  minnow index stats --index my.db --json\n"
      "  minnow search \"how are pods scheduled\" --index my.db --model model.minnow");
}

}  // namespace minnow
