// SPDX-License-Identifier: Apache-2.0
// minnow bench startup: from the start of a process to the first vector that it prints.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "cli/bench/bench.h"
#include "cli/bench/timing.h"
#include "cli/command_line/command.h"
#include "cli/model_option.h"
#include "cli/output.h"

namespace minnow {
namespace {

struct StartupOptions {
  std::string model;
  std::string dtype = "auto";
  std::string text = "The quick brown fox jumps over the lazy dog.";
  int runs = 50;
};

constexpr int kWarmUpRuns = 3;

Error SystemError(const char* what, int number) {
  return {Code::kInternal, std::string(what) + ": " + std::strerror(number)};
}

// Starts this program with `arguments`, its standard output being `output`.
Result<pid_t> Start(std::vector<std::string> arguments, int output) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) return SystemError("posix_spawn", ENOMEM);
  int error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t child = -1;
  if (error == 0)
    error = posix_spawn(&child, kThisProgram, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return SystemError("posix_spawn", error);
  return child;
}

// Milliseconds from `begin` to the first byte and to the end of what `input` gives.
struct Times {
  double first = 0;
  double last = 0;
};
Result<Times> ReadToEnd(int input, BenchClock::time_point begin) {
  Times times;
  char bytes[4096];
  while (true) {
    const ssize_t count = ::read(input, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read", errno);
    const double ms = MillisecondsSince(begin);
    if (count > 0 && times.first == 0) times.first = ms;
    times.last = ms;
    if (count == 0) return times;
  }
}

Result<Times> RunOnce(const StartupOptions& options) {
  std::vector<std::string> arguments = {"minnow", "embed", "--dtype", options.dtype};
  if (!options.model.empty()) arguments.insert(arguments.end(), {"--model", options.model});
  arguments.insert(arguments.end(), {"--", options.text});
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SystemError("pipe", errno);
  const auto begin = BenchClock::now();
  const Result<pid_t> child = Start(std::move(arguments), ends[1]);
  ::close(ends[1]);
  Result<Times> times = child.ok() ? ReadToEnd(ends[0], begin) : Result<Times>(child.error());
  ::close(ends[0]);
  if (!child.ok()) return times;
  int state = 0;
  while (::waitpid(*child, &state, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(state) || WEXITSTATUS(state) != kExitDone) {
    return Error{Code::kInternal, "minnow embed, started to be timed, failed"};
  }
  return times;
}

Status RunStartup(const StartupOptions& options) {
  std::vector<double> first, last;
  for (int run = -kWarmUpRuns; run < options.runs; ++run) {
    MINNOW_ASSIGN_OR_RETURN(const Times times, RunOnce(options));
    if (run < 0) continue;
    first.push_back(times.first);
    last.push_back(times.last);
  }
  Output output;
  output.Write(TimesLine("first vector", std::move(first)));
  output.Write(TimesLine("exit", std::move(last)));
  return output.Finish();
}

}  // namespace

void AddBenchStartup(Command bench) {
  auto options = std::make_shared<StartupOptions>();
  Command startup =
      bench.AddCommand("startup",
                       "From the start of a process to the first vector that it prints, with "
                       "the model in the page cache");
  AddModelOption(startup, options->model);
  AddDtypeOption(startup, options->dtype);
  startup.AddOption("--text", options->text, "What is embedded");
  startup.AddOption("--runs", options->runs, "Processes to start, after a few to warm up")
      .Range(1, 100'000);
  startup.OnChosen([options] {
    RequireModel(options->model);
    return ExitCode(RunStartup(*options));
  });
}

}  // namespace minnow
