// SPDX-License-Identifier: Apache-2.0
// The command line as a whole: what all subcommands share.
#include "cli/commands.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>

#include "cli/output.h"

namespace minnow {
namespace {

constexpr char kDescription[] =
    "minnow runs transformer models on CPU: text in, vectors out, from the shell or over HTTP.";

constexpr char kFooter[] = R"(Examples:
  minnow embed --model models/all-MiniLM-L6-v2 "a sentence" "another"
  minnow embed --model models/all-MiniLM-L6-v2 --output f32 < lines.txt > vectors.f32
  minnow tokenize --model models/all-MiniLM-L6-v2 "a sentence"
  minnow serve --model models/all-MiniLM-L6-v2 --port 8080
  minnow index add docs --index my.db --model models/all-MiniLM-L6-v2
  minnow search "how do I begin" --index my.db --model models/all-MiniLM-L6-v2
  source <(minnow completion bash)

'minnow COMMAND --help' explains a command. Every option of a command is also an
environment variable where its help says (Env:...); the command line wins.

Exit codes: 0 done, 1 the work failed, 2 wrong usage. Errors go to standard error.)";

// A descriptor that was closed at start would be given to the next file opened, and output would
// land in it. A closed one becomes /dev/null opened the wrong way round, so that using it still
// fails.
void OccupyStandardDescriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1) continue;
    const int flags = descriptor == 0 ? O_WRONLY : O_RDONLY;
    // open() takes the lowest free number, which is this one.
    if (::open("/dev/null", flags) != descriptor) return;
  }
}

// What --help and --version throw is printed on standard output, the rest is wrong usage.
int ExplainParse(const CLI::App& app, const CLI::ParseError& error, const char* first_word) {
  const CLI::App* chosen = &app;
  while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    Output output;
    output.Write(error.get_name() == "CallForVersion" ? std::string(error.what()) + "\n"
                                                      : app.help());
    const Status written = output.Finish();
    return written.ok() ? kExitDone : Fail(written.error());
  }
  std::string message = error.what();
  if (!message.empty() && message.back() == '\n') message.pop_back();
  if (chosen == &app && first_word != nullptr && first_word[0] != '-') {
    message = "no such command: " + std::string(first_word);
  }
  const std::string name = chosen == &app ? "minnow" : "minnow " + chosen->get_name();
  PrintError(message + " (see '" + name + " --help')");
  return kExitUsage;
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  OccupyStandardDescriptors();
  // A reader that leaves is seen as EPIPE where we write.
  ::signal(SIGPIPE, SIG_IGN);

  CLI::App app{kDescription, "minnow"};
  app.set_version_flag("--version", std::string("minnow ") + MINNOW_VERSION);
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  app.get_formatter()->column_width(36);

  int exit_code = kExitDone;
  AddEmbedCommand(app, exit_code);
  AddTokenizeCommand(app, exit_code);
  AddInspectCommand(app, exit_code);
  AddServeCommand(app, exit_code);
  AddIndexCommand(app, exit_code);
  AddSearchCommand(app, exit_code);
  AddPackCommand(app, exit_code);
  AddBundleCommand(app, exit_code);
  AddEvalCommand(app, exit_code);
  AddBenchCommand(app, exit_code);
  AddCpuCommand(app, exit_code);
  AddCompletionCommand(app, exit_code);
  // After the commands, which would take it over as their own.
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ExplainParse(app, error, argc > 1 ? argv[1] : nullptr);
  } catch (const std::bad_alloc&) {
    return Fail({Code::kInternal, "out of memory"});
  }
  return exit_code;
}

}  // namespace minnow
