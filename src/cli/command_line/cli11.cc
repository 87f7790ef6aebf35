// SPDX-License-Identifier: Apache-2.0
// The one file that includes CLI11.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/command_line/command.h"
#include "cli/command_line/command_line.h"
#include "formats/json.h"

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

// CLI11's own words for a wrong value do not say what is allowed, or say it in another form than
// the help does.
template <class T>
CLI::Option* InRange(CLI::Option* option, T least, T most) {
  std::ostringstream expected;
  expected << "expected a number from " << least << " to " << most << ", got ";
  const auto check = [least, most, expected = expected.str()](std::string& text) {
    T value{};
    const bool good = CLI::detail::lexical_cast(text, value) && value >= least && value <= most;
    return good ? std::string() : expected + QuoteForMessage(text);
  };
  return option->check(CLI::Validator(check, CLI::Range(least, most).get_description()));
}

// strtoull, which CLI11 calls, takes -1 for the largest number, and all that is larger too.
std::string CheckCount(const std::string& text) {
  size_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && rest == end) return {};
  return "expected a whole number from 0 to " + std::to_string(SIZE_MAX) + ", got " +
         QuoteForMessage(text);
}

std::string CheckTruth(const std::string& text) {
  bool value = false;
  if (CLI::detail::lexical_cast(text, value)) return {};
  return "expected true or false, got " + QuoteForMessage(text);
}

// How many letters must be put in, taken out or changed to make one word of the other.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

// What was typed in place of one of the commands of `app`, which is `name`; empty where nothing
// was.
std::string UnknownCommand(const CLI::App& app, const std::string& name) {
  constexpr size_t kNear = 2;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  const std::vector<std::string> rest = app.remaining();
  if (commands.empty() || rest.empty()) return {};
  std::string word = rest.front();
  if (word.ends_with(kOneText)) word.pop_back();
  if (word.starts_with('-')) return "no such option: " + word;
  const size_t space = name.find(' ');
  const std::string group = space == std::string::npos ? "" : name.substr(space + 1) + " ";
  std::string nearest, all;
  size_t least = std::min(kNear + 1, word.size());
  for (const CLI::App* command : commands) {
    all += (all.empty() ? "" : ", ") + command->get_name();
    const size_t distance = EditDistance(word, command->get_name());
    if (distance < least) nearest = command->get_name();
    least = std::min(least, distance);
  }
  return "no such command: " + group + word +
         (nearest.empty() ? "; there are " + all : "; did you mean '" + group + nearest + "'?");
}

}  // namespace

Option Option::Required() { return Option(option_->required()); }

Option Option::Env(const std::string& variable) { return Option(option_->envname(variable)); }

Option Option::OneOf(const std::vector<std::string>& values) {
  return Option(option_->check(CLI::IsMember(values), kOneOf));
}

Option Option::Range(int least, int most) { return Option(InRange(option_, least, most)); }

Option Option::Range(size_t least, size_t most) { return Option(InRange(option_, least, most)); }

Option Option::Range(double least, double most) { return Option(InRange(option_, least, most)); }

Option Option::NotEmpty() {
  return Option(option_->check(
      [](const std::string& value) { return value.empty() ? "must not be empty" : ""; }));
}

Option Option::Delimiter(char separator) { return Option(option_->delimiter(separator)); }

Option Option::OneValueEach() { return Option(option_->allow_extra_args(false)); }

Option Option::Values(int least, int most) { return Option(option_->expected(least, most)); }

Option Option::Excludes(Option other) { return Option(option_->excludes(other.option_)); }

Option Option::Needs(Option other) { return Option(option_->needs(other.option_)); }

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
  return Option(app_->add_option(name, value, description)->check(CheckCount));
}

Option Command::AddOption(const std::string& name, double& value, const std::string& description) {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name, bool& value, const std::string& description) {
  return Option(app_->add_option(name, value, description)->check(CheckTruth));
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
    const std::string unknown = UnknownCommand(*chosen, name);
    if (!unknown.empty()) message = unknown;
    return {ParseOutcome::kUsage, message + " (see '" + name + " --help')", 0};
  }
}

}  // namespace minnow
