// SPDX-License-Identifier: Apache-2.0
// A whole command line: the root of its commands, and parsing.
#pragma once

#include <memory>
#include <string>

#include "cli/command_line/command.h"

namespace minnow {

enum class ParseOutcome {
  kDone,   // the command that was named has run
  kShow,   // --help or --version: `text` is for standard output
  kUsage,  // wrong usage: `text` says what
};

struct ParseResult {
  ParseOutcome outcome = ParseOutcome::kDone;
  std::string text;
  int exit_code = 0;  // the command's
};

class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& description, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Command root();
  // Runs the command that `argv` names. What the command throws comes through.
  ParseResult Parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
  int exit_code_ = 0;
};

}  // namespace minnow
