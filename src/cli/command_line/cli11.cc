// SPDX-License-Identifier: Apache-2.0
// The one file that includes CLI11.
#include <CLI/CLI.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/command_line/command.h"
#include "cli/command_line/command_line.h"

namespace minnow {
namespace {

// The name of OneOf's check.
constexpr const char* kOneOf = "one of";

// Read out of the check's own words, "{json,f32}".
std::vector<std::string> ValuesOf(CLI::Option& option) {
  std::string words;
  try {
    words = option.get_validator(kOneOf)->get_description();
  } catch (const CLI::OptionNotFound&) {
    return {};
  }
  std::vector<std::string> values;
  std::stringstream list(words.substr(1, words.size() - 2));
  for (std::string value; std::getline(list, value, ',');) values.push_back(value);
  return values;
}

// CLI11 takes an argument in brackets for a list, "[a,b]" for "a" and "b". One that ends with a
// zero byte, which no argument can hold, stays one text; Unmarked takes the byte away again.
constexpr char kOneText = '\0';

std::vector<std::string> MarkedArguments(int argc, char** argv) {
  std::vector<std::string> arguments;  // the last first, as CLI11 wants them
  for (int i = argc - 1; i > 0; --i) {
    arguments.emplace_back(argv[i]);
    if (arguments.back().ends_with(']')) arguments.back() += kOneText;
  }
  return arguments;
}

CLI::Option* Unmarked(CLI::Option* option) {
  return option->transform([](std::string value) {
    if (value.ends_with(kOneText)) value.pop_back();
    return value;
  });
}

}  // namespace

Option Option::Required() { return Option(option_->required()); }

Option Option::Env(const std::string& variable) { return Option(option_->envname(variable)); }

Option Option::OneOf(const std::vector<std::string>& values) {
  return Option(option_->check(CLI::IsMember(values), kOneOf));
}

Option Option::Range(int least, int most) {
  return Option(option_->check(CLI::Range(least, most)));
}

Option Option::Range(size_t least, size_t most) {
  return Option(option_->check(CLI::Range(least, most)));
}

Option Option::Range(double least, double most) {
  return Option(option_->check(CLI::Range(least, most)));
}

Option Option::NotEmpty() {
  return Option(option_->check(
      [](const std::string& value) { return value.empty() ? "must not be empty" : ""; }));
}

Option Option::Delimiter(char separator) { return Option(option_->delimiter(separator)); }

Option Option::OneValueEach() { return Option(option_->allow_extra_args(false)); }

Option Option::Values(int least, int most) { return Option(option_->expected(least, most)); }

Option Option::Excludes(Option other) { return Option(option_->excludes(other.option_)); }

bool Option::given() const { return option_->count() > 0; }

Command Command::AddCommand(const std::string& name, const std::string& description) {
  return Command(app_->add_subcommand(name, description), exit_code_);
}

Option Command::AddOption(const std::string& name, std::string& value,
                          const std::string& description) {
  return Option(Unmarked(app_->add_option(name, value, description)));
}

Option Command::AddOption(const std::string& name, int& value, const std::string& description) {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name, size_t& value, const std::string& description) {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name, double& value, const std::string& description) {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name, bool& value, const std::string& description) {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name, std::vector<std::string>& value,
                          const std::string& description) {
  return Option(Unmarked(app_->add_option(name, value, description)));
}

Option Command::AddOption(const std::string& name, std::vector<int>& value,
                          const std::string& description) {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddFlag(const std::string& name, bool& value, const std::string& description) {
  return Option(app_->add_flag(name, value, description));
}

Option Command::FindOption(const std::string& name) const { return Option(app_->get_option(name)); }

void Command::Footer(const std::string& text) { app_->footer(text); }

void Command::RequireCommand() { app_->require_subcommand(1); }

void Command::OnChosen(std::function<int()> run) {
  app_->callback([run = std::move(run), exit_code = exit_code_] { *exit_code = run(); });
}

std::string Command::name() const { return app_->get_name(); }

std::string Command::description() const { return app_->get_description(); }

std::vector<Command::Flag> Command::Flags() const {
  std::vector<Flag> flags;
  for (CLI::Option* option : app_->get_options()) {
    const std::vector<std::string>& letters = option->get_snames();
    for (const std::string& name : option->get_lnames()) {
      flags.push_back({"--" + name, letters.empty() ? "" : "-" + letters.front(),
                       option->get_description(), option->get_items_expected_max() > 0,
                       ValuesOf(*option)});
    }
  }
  return flags;
}

std::vector<Command::Flag> Command::ArgumentsByPlace() const {
  std::vector<Flag> arguments;
  for (CLI::Option* option : app_->get_options()) {
    if (!option->get_positional()) continue;
    arguments.push_back(
        {option->get_name(), "", option->get_description(), true, ValuesOf(*option)});
  }
  return arguments;
}

std::vector<Command> Command::Commands() const {
  std::vector<Command> commands;
  for (CLI::App* app : app_->get_subcommands([](CLI::App*) { return true; })) {
    commands.push_back(Command(app, exit_code_));
  }
  return commands;
}

void RequireArgument(const std::string& name) { throw CLI::RequiredError(name); }

void RefuseArgument(const std::string& name, const std::string& why) {
  throw CLI::ValidationError(name, why);
}

CommandLine::CommandLine(const std::string& name, const std::string& description,
                         const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
  app_->set_version_flag("--version", name + " " + version);
  app_->require_subcommand(1);
  app_->option_defaults()->always_capture_default();
  app_->get_formatter()->column_width(36);
}

CommandLine::~CommandLine() = default;

Command CommandLine::root() { return Command(app_.get(), &exit_code_); }

ParseResult CommandLine::Parse(int argc, char** argv) {
  try {
    app_->parse(MarkedArguments(argc, argv));
    return {ParseOutcome::kDone, "", exit_code_};
  } catch (const CLI::ParseError& error) {
    // What --help and --version throw is an answer, the rest is wrong usage.
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      const bool version = error.get_name() == "CallForVersion";
      return {ParseOutcome::kShow, version ? std::string(error.what()) + "\n" : app_->help(), 0};
    }
    const CLI::App* chosen = app_.get();
    std::string name = chosen->get_name();
    for (; !chosen->get_subcommands().empty();) {
      chosen = chosen->get_subcommands().front();
      name += " " + chosen->get_name();
    }
    std::string message = error.what();
    if (!message.empty() && message.back() == '\n') message.pop_back();
    if (chosen == app_.get() && argc > 1 && argv[1][0] != '-') {
      message = "no such command: " + std::string(argv[1]);
    } else if (chosen == app_.get() && argc > 1) {
      message = "no such option: " + std::string(argv[1]);
    }
    return {ParseOutcome::kUsage, message + " (see '" + name + " --help')", 0};
  }
}

}  // namespace minnow
