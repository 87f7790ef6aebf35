// SPDX-License-Identifier: Apache-2.0
// minnow bench: how long things take on this machine.
#include "cli/bench/bench.h"

#include "cli/command_line/command.h"
#include "cli/commands.h"

namespace minnow {

void AddBenchCommand(Command app) {
  Command bench = app.AddCommand("bench", "Time models and vector search on this machine");
  bench.RequireCommand();
  AddBenchEncoder(bench);
  AddBenchBulk(bench);
  AddBenchStartup(bench);
  AddBenchIndex(bench);
  AddBenchGenerate(bench);
  AddBenchImage(bench);
}

}  // namespace minnow
