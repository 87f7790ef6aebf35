// SPDX-License-Identifier: Apache-2.0
// minnow completion: scripts for bash, zsh and fish, made from the command line's own description,
// so never stale.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"

namespace minnow {
namespace {

struct Flag {
  std::string name;  // "--model"
  std::string description;
  bool takes_value;
};

std::vector<Flag> Flags(const CLI::App& command) {
  std::vector<Flag> flags;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      flags.push_back(
          {"--" + name, option->get_description(), option->get_items_expected_max() > 0});
    }
  }
  return flags;
}

std::string FlagNames(const CLI::App& command) {
  std::string names;
  for (const Flag& flag : Flags(command)) names += (names.empty() ? "" : " ") + flag.name;
  return names;
}

std::vector<const CLI::App*> Commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// Every path of words that names a command: "embed", "bench encoder".
void ListCommands(const CLI::App& app, const std::string& prefix,
                  std::vector<std::pair<std::string, const CLI::App*>>& paths) {
  for (const CLI::App* command : Commands(app)) {
    const std::string path = prefix + (prefix.empty() ? "" : " ") + command->get_name();
    paths.emplace_back(path, command);
    ListCommands(*command, path, paths);
  }
}

std::string CommandNames(const CLI::App& app) {
  std::string names;
  for (const CLI::App* command : Commands(app)) {
    names += (names.empty() ? "" : " ") + command->get_name();
  }
  return names;
}

// Single quotes for all three shells: the only character to care for is the quote itself.
std::string ShellQuoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// zsh reads [ ] and : in a description as syntax.
std::string ZshDescription(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') plain += '\\';
    plain += c;
  }
  return plain;
}

// Words typed so far are matched against paths of commands; what follows is their flags, their
// commands, or a file.
std::string BashScript(const CLI::App& app) {
  std::vector<std::pair<std::string, const CLI::App*>> paths;
  ListCommands(app, "", paths);
  std::string script =
      "_minnow() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} path= word words\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$path $word\" in\n";
  std::string known;
  for (const auto& [path, command] : paths)
    known += (known.empty() ? "" : "|") + ShellQuoted(" " + path);
  script += "      " + known + ") path=\"$path $word\" ;;\n    esac\n  done\n  case \"$path\" in\n";
  script += "    '') words='" + CommandNames(app) + " " + FlagNames(app) + "' ;;\n";
  for (const auto& [path, command] : paths) {
    script += "    " + ShellQuoted(" " + path) + ") words='" + CommandNames(*command) + " " +
              FlagNames(*command) + "' ;;\n";
  }
  script +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  if [[ ${#COMPREPLY[@]} -eq 0 && $current != -* ]]; then COMPREPLY=($(compgen -f -- "
      "\"$current\")); fi\n"
      "}\n"
      "complete -o filenames -F _minnow minnow\n";
  return script;
}

std::string ZshFunction(const CLI::App& command, const std::string& name) {
  std::string script = name + "() {\n  local line state\n  _arguments -C";
  for (const Flag& flag : Flags(command)) {
    const std::string value = flag.takes_value ? ":value:_files" : "";
    script +=
        " \\\n    " + ShellQuoted(flag.name + "[" + ZshDescription(flag.description) + "]" + value);
  }
  const std::vector<const CLI::App*> commands = Commands(command);
  if (commands.empty()) return script + " \\\n    '*:file:_files'\n}\n";
  script +=
      " \\\n    '1:command:->command' '*::argument:->argument'\n  case $state in\n    command) "
      "_values command";
  for (const CLI::App* sub : commands) {
    script += " \\\n      " +
              ShellQuoted(sub->get_name() + "[" + ZshDescription(sub->get_description()) + "]");
  }
  script += " ;;\n    argument) case $line[1] in\n";
  for (const CLI::App* sub : commands) {
    script += "      " + sub->get_name() + ") " + name + "_" + sub->get_name() + " ;;\n";
  }
  script += "    esac ;;\n  esac\n}\n";
  for (const CLI::App* sub : commands) script += ZshFunction(*sub, name + "_" + sub->get_name());
  return script;
}

std::string ZshScript(const CLI::App& app) {
  return "#compdef minnow\n" + ZshFunction(app, "_minnow") + "compdef _minnow minnow\n";
}

void AddFishFlags(const CLI::App& command, const std::string& condition, std::string& script) {
  for (const Flag& flag : Flags(command)) {
    script += "complete -c minnow -n " + ShellQuoted(condition) + " -l " + flag.name.substr(2) +
              (flag.takes_value ? " -r" : "") + " -d " + ShellQuoted(flag.description) + "\n";
  }
}

std::string FishScript(const CLI::App& app) {
  std::vector<std::pair<std::string, const CLI::App*>> paths;
  ListCommands(app, "", paths);
  std::string script;
  AddFishFlags(app, "__fish_use_subcommand", script);
  for (const auto& [path, command] : paths) {
    const size_t space = path.find_last_of(' ');
    const std::string condition = space == std::string::npos
                                      ? "__fish_use_subcommand"
                                      : "__fish_seen_subcommand_from " + path.substr(0, space);
    script += "complete -c minnow -n " + ShellQuoted(condition) + " -a " + command->get_name() +
              " -d " + ShellQuoted(command->get_description()) + "\n";
    AddFishFlags(*command, "__fish_seen_subcommand_from " + command->get_name(), script);
  }
  return script;
}

}  // namespace

void AddCompletionCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "Examples:\n"
      "  source <(minnow completion bash)     for this shell\n"
      "  minnow completion zsh > ~/.zfunc/_minnow\n"
      "  minnow completion fish > ~/.config/fish/completions/minnow.fish");
  command->callback([&app, shell, &exit_code] {
    Output output;
    if (*shell == "bash") output.Write(BashScript(app));
    if (*shell == "zsh") output.Write(ZshScript(app));
    if (*shell == "fish") output.Write(FishScript(app));
    const Status written = output.Finish();
    exit_code = written.ok() ? kExitDone : Fail(written.error());
  });
}

}  // namespace minnow
