// SPDX-License-Identifier: Apache-2.0
// The command line: one function a subcommand, each in its own file.
//
// Exit codes: 0 done; 1 the work failed (message on standard error); 2 wrong usage.
#pragma once

#include "cli/command_line/command.h"

namespace minnow {

int RunCommandLine(int argc, char** argv);

// Each adds its subcommand to `app`; when chosen on the command line, the subcommand's callback
// returns its exit code.
void AddEmbedCommand(Command app);
void AddClassifyCommand(Command app);
void AddRerankCommand(Command app);
void AddNerCommand(Command app);
void AddAnswerCommand(Command app);
void AddFillMaskCommand(Command app);
void AddGenerateCommand(Command app);
void AddImageCommand(Command app);
void AddTokenizeCommand(Command app);
void AddInspectCommand(Command app);
void AddPackCommand(Command app);
void AddBundleCommand(Command app);
void AddEvalCommand(Command app);
// Below `eval`.
void AddEvalIrCommand(Command eval);
void AddEvalClassifyCommand(Command eval);
void AddBenchCommand(Command app);
void AddIndexCommand(Command app);
void AddSearchCommand(Command app);
void AddServeCommand(Command app);
void AddHealthCommand(Command app);
void AddCpuCommand(Command app);
void AddCompletionCommand(Command app);

}  // namespace minnow
