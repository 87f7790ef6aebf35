// SPDX-License-Identifier: Apache-2.0
// The subcommands of minnow bench.
#pragma once

#include "cli/command_line/command.h"

namespace minnow {

inline constexpr int kMaxBenchThreads = 1024;

void AddBenchEncoder(Command bench);
void AddBenchBulk(Command bench);
void AddBenchStartup(Command bench);
void AddBenchIndex(Command bench);
void AddBenchGenerate(Command bench);
void AddBenchImage(Command bench);

}  // namespace minnow
