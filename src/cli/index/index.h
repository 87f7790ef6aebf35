// SPDX-License-Identifier: Apache-2.0
// minnow index: one function a subcommand, each in its own file.
#pragma once

namespace CLI {
class App;
}

namespace minnow {

void AddIndexAddCommand(CLI::App& group, int& exit_code);
void AddIndexStatsCommand(CLI::App& group, int& exit_code);
void AddIndexListCommand(CLI::App& group, int& exit_code);
void AddIndexDeleteCommand(CLI::App& group, int& exit_code);
void AddIndexCompactCommand(CLI::App& group, int& exit_code);
void AddIndexBackupCommand(CLI::App& group, int& exit_code);
void AddIndexVerifyCommand(CLI::App& group, int& exit_code);

}  // namespace minnow
