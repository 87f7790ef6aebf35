// SPDX-License-Identifier: Apache-2.0
// minnow bench: how long things take on this machine.
#include "cli/bench/bench.h"

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace minnow {

void AddBenchCommand(CLI::App& app, int& exit_code) {
  CLI::App* bench = app.add_subcommand("bench", "Time a model on this machine");
  bench->require_subcommand(1);
  AddBenchEncoder(*bench, exit_code);
  AddBenchBulk(*bench, exit_code);
  AddBenchStartup(*bench, exit_code);
}

}  // namespace minnow
