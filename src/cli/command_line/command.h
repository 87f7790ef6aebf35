// SPDX-License-Identifier: Apache-2.0
// What commands and options are declared with: handles over CLI11, which one file alone includes,
// since every file that does takes half a minute to compile and adds its templates to the program.
//
// Handles are copied freely and live as long as the CommandLine. Variables that options are bound
// to must outlive the parse. Thread-compatible.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace minnow {

class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option Required();
  // Read where the command line does not give the option.
  Option Env(const std::string& variable);
  Option OneOf(const std::vector<std::string>& values);
  // Both ends included. REQUIRES: of the type of the variable
  Option Range(int least, int most);
  Option Range(size_t least, size_t most);
  Option Range(double least, double most);
  Option NotEmpty();
  // One value is a list, cut at `separator`.
  Option Delimiter(char separator);
  // Each time it is named it takes one value, so that a positional argument may follow.
  Option OneValueEach();
  // How many values follow its name.
  Option Values(int least, int most);
  Option Excludes(Option other);
  // Wrong usage without the other.
  Option Needs(Option other);

  // Whether the command line or the environment has it; known once parsing is done.
  bool given() const;

 private:
  CLI::Option* option_;
};

class Command {
 public:
  // exit_code: where the command that is chosen leaves its own.
  Command(CLI::App* app, int* exit_code) : app_(app), exit_code_(exit_code) {}

  Command AddCommand(const std::string& name, const std::string& description);
  // name: "-o,--output", or a word without dashes: an argument by place. What `value` holds is the
  // default that the help shows.
  Option AddOption(const std::string& name, std::string& value, const std::string& description);
  Option AddOption(const std::string& name, int& value, const std::string& description);
  Option AddOption(const std::string& name, size_t& value, const std::string& description);
  Option AddOption(const std::string& name, double& value, const std::string& description);
  Option AddOption(const std::string& name, bool& value, const std::string& description);
  Option AddOption(const std::string& name, std::vector<std::string>& value,
                   const std::string& description);
  Option AddOption(const std::string& name, std::vector<int>& value,
                   const std::string& description);
  Option AddFlag(const std::string& name, bool& value, const std::string& description);
  // REQUIRES: there is an option of that name
  Option FindOption(const std::string& name) const;

  // What --help says last.
  void Footer(const std::string& text);
  // One of the commands below must be named.
  void RequireCommand();
  // Called where the command line names this command, after all options were read. Returns the exit
  // code.
  void OnChosen(std::function<int()> run);

  // --- for whoever describes the command line as a whole ---
  struct Flag {
    std::string name;    // "--model"; of an argument by place "FILE"
    std::string letter;  // "-o"; may be empty
    std::string description;
    bool takes_value = false;
    std::vector<std::string> values;  // those of OneOf
  };
  std::string name() const;
  std::string description() const;
  std::vector<Flag> Flags() const;
  std::vector<Flag> ArgumentsByPlace() const;
  std::vector<Command> Commands() const;

 private:
  CLI::App* app_;
  int* exit_code_;
};

// For OnChosen: end the parse as wrong usage.
[[noreturn]] void RequireArgument(const std::string& name);
[[noreturn]] void RefuseArgument(const std::string& name, const std::string& why);

}  // namespace minnow
