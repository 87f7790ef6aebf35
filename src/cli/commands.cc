// SPDX-License-Identifier: Apache-2.0
// The command line as a whole: what all subcommands share.
#include "cli/commands.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <string>

#include "cli/command_line/command_line.h"
#include "cli/output.h"

namespace minnow {
namespace {

constexpr char kDescription[] =
    "minnow runs transformer models on CPU and searches with them, from the shell or over HTTP.";

constexpr char kFooter[] = R"(Examples:
  minnow embed --model models/all-MiniLM-L6-v2 "a sentence" "another"
  minnow embed --model models/all-MiniLM-L6-v2 --output f32 < lines.txt > vectors.f32
  minnow tokenize --model models/all-MiniLM-L6-v2 "a sentence"
  minnow classify --top-k 1 < lines.txt
  minnow rerank --model models/cross-encoder "a question" < passages.txt
  minnow ner --model models/entities < lines.txt
  minnow fill-mask --model models/bert-base-uncased "Paris is the [MASK] of France."
  minnow generate --model models/t5-small --task summarization < articles.txt
  minnow image --model models/sd-turbo --prompt "a fox in the snow" -o fox.png
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

int Print(const std::string& text) {
  Output output;
  output.Write(text);
  return ExitCode(output.Finish());
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  OccupyStandardDescriptors();
  // A reader that leaves is seen as EPIPE where we write.
  ::signal(SIGPIPE, SIG_IGN);

  CommandLine line("minnow", kDescription, MINNOW_VERSION);
  Command app = line.root();
  AddEmbedCommand(app);
  AddClassifyCommand(app);
  AddRerankCommand(app);
  AddNerCommand(app);
  AddAnswerCommand(app);
  AddFillMaskCommand(app);
  AddGenerateCommand(app);
  AddImageCommand(app);
  AddTokenizeCommand(app);
  AddInspectCommand(app);
  AddServeCommand(app);
  AddHealthCommand(app);
  AddIndexCommand(app);
  AddSearchCommand(app);
  AddPackCommand(app);
  AddBundleCommand(app);
  AddEvalCommand(app);
  AddBenchCommand(app);
  AddCpuCommand(app);
  AddCompletionCommand(app);
  // After the commands, which would take it over as their own.
  app.Footer(kFooter);
  try {
    const ParseResult parsed = line.Parse(argc, argv);
    if (parsed.outcome == ParseOutcome::kDone) return parsed.exit_code;
    if (parsed.outcome == ParseOutcome::kShow) return Print(parsed.text);
    PrintError(parsed.text);
    return kExitUsage;
  } catch (const std::bad_alloc&) {
    return Fail({Code::kInternal, "out of memory"});
  }
}

}  // namespace minnow
