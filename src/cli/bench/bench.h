// SPDX-License-Identifier: Apache-2.0
// The subcommands of minnow bench.
#pragma once

#include "cli/command_line/command.h"

namespace minnow {

inline constexpr int kMaxBenchThreads = 1024;

void AddBenchEncoder(Command bench, int& exit_code);
void AddBenchBulk(Command bench, int& exit_code);
void AddBenchStartup(Command bench, int& exit_code);
void AddBenchIndex(Command bench, int& exit_code);

}  // namespace minnow
