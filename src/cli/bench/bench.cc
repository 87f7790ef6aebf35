// SPDX-License-Identifier: Apache-2.0
// minnow bench: how long things take on this machine.
#include "cli/bench/bench.h"

#include "cli/command_line/command.h"
#include "cli/commands.h"

namespace minnow {

void AddBenchCommand(Command app, int& exit_code) {
  Command bench = app.AddCommand("bench", "Time a model on this machine");
  bench.RequireCommand();
  AddBenchEncoder(bench, exit_code);
  AddBenchBulk(bench, exit_code);
  AddBenchStartup(bench, exit_code);
  AddBenchIndex(bench, exit_code);
}

}  // namespace minnow
