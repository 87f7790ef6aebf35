// SPDX-License-Identifier: Apache-2.0
// minnow index: one function a subcommand, each in its own file.
#pragma once

#include "cli/command_line/command.h"

namespace minnow {

void AddIndexAddCommand(Command group);
void AddIndexStatsCommand(Command group);
void AddIndexListCommand(Command group);
void AddIndexDeleteCommand(Command group);
void AddIndexCompactCommand(Command group);
void AddIndexBackupCommand(Command group);
void AddIndexSnapshotCommand(Command group);
void AddIndexVerifyCommand(Command group);

}  // namespace minnow
