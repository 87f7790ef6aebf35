// SPDX-License-Identifier: Apache-2.0
// minnow index: one function a subcommand, each in its own file.
#pragma once

#include "cli/command_line/command.h"

namespace minnow {

void AddIndexAddCommand(Command group, int& exit_code);
void AddIndexStatsCommand(Command group, int& exit_code);
void AddIndexListCommand(Command group, int& exit_code);
void AddIndexDeleteCommand(Command group, int& exit_code);
void AddIndexCompactCommand(Command group, int& exit_code);
void AddIndexBackupCommand(Command group, int& exit_code);
void AddIndexVerifyCommand(Command group, int& exit_code);

}  // namespace minnow
