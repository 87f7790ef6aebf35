// SPDX-License-Identifier: Apache-2.0
// The command line: one function a subcommand, each in its own file.
//
// Exit codes: 0 done; 1 the work failed (message on standard error); 2 wrong usage.
#pragma once

#include "cli/command_line/command.h"

namespace minnow {

int RunCommandLine(int argc, char** argv);

// Each adds its subcommand to `app`; when chosen on the command line, the subcommand's callback
// sets `exit_code`.
void AddEmbedCommand(Command app, int& exit_code);
void AddTokenizeCommand(Command app, int& exit_code);
void AddInspectCommand(Command app, int& exit_code);
void AddPackCommand(Command app, int& exit_code);
void AddBundleCommand(Command app, int& exit_code);
void AddEvalCommand(Command app, int& exit_code);
// Below `eval`.
void AddEvalIrCommand(Command eval, int& exit_code);
void AddBenchCommand(Command app, int& exit_code);
void AddIndexCommand(Command app, int& exit_code);
void AddSearchCommand(Command app, int& exit_code);
void AddServeCommand(Command app, int& exit_code);
void AddCpuCommand(Command app, int& exit_code);
void AddCompletionCommand(Command app, int& exit_code);

}  // namespace minnow
