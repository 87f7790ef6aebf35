// SPDX-License-Identifier: Apache-2.0
// The command line: one function a subcommand, each in its own file.
//
// Exit codes: 0 done; 1 the work failed (message on standard error); 2 wrong usage.
#pragma once

namespace CLI {
class App;
}

namespace minnow {

int RunCommandLine(int argc, char** argv);

// Each adds its subcommand to `app`; when chosen on the command line, the subcommand's callback
// sets `exit_code`.
void AddEmbedCommand(CLI::App& app, int& exit_code);
void AddTokenizeCommand(CLI::App& app, int& exit_code);
void AddInspectCommand(CLI::App& app, int& exit_code);
void AddPackCommand(CLI::App& app, int& exit_code);
void AddBundleCommand(CLI::App& app, int& exit_code);
void AddEvalCommand(CLI::App& app, int& exit_code);
// Below `eval`.
void AddEvalIrCommand(CLI::App& eval, int& exit_code);
void AddBenchCommand(CLI::App& app, int& exit_code);
void AddIndexCommand(CLI::App& app, int& exit_code);
void AddSearchCommand(CLI::App& app, int& exit_code);
void AddServeCommand(CLI::App& app, int& exit_code);
void AddCpuCommand(CLI::App& app, int& exit_code);
void AddCompletionCommand(CLI::App& app, int& exit_code);

}  // namespace minnow
