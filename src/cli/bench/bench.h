// SPDX-License-Identifier: Apache-2.0
// The subcommands of minnow bench.
#pragma once

namespace CLI {
class App;
}

namespace minnow {

inline constexpr int kMaxBenchThreads = 1024;

void AddBenchEncoder(CLI::App& bench, int& exit_code);
void AddBenchBulk(CLI::App& bench, int& exit_code);
void AddBenchStartup(CLI::App& bench, int& exit_code);

}  // namespace minnow
