// SPDX-License-Identifier: Apache-2.0
// minnow completion: scripts for bash, zsh and fish, made from the command line's own description,
// so never stale.
#include <memory>
#include <string>
#include <vector>

#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/output.h"

namespace minnow {
namespace {

std::string FlagNames(const Command& command) {
  std::string names;
  for (const Command::Flag& flag : command.Flags()) names += (names.empty() ? "" : " ") + flag.name;
  return names;
}

// Every path of words that names a command: "embed", "bench encoder".
void ListCommands(const Command& app, const std::string& prefix,
                  std::vector<std::pair<std::string, Command>>& paths) {
  for (const Command& command : app.Commands()) {
    const std::string path = prefix + (prefix.empty() ? "" : " ") + command.name();
    paths.emplace_back(path, command);
    ListCommands(command, path, paths);
  }
}

std::string CommandNames(const Command& app) {
  std::string names;
  for (const Command& command : app.Commands()) {
    names += (names.empty() ? "" : " ") + command.name();
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

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// What may stand where no option does: commands, or values; empty where it is a file or a text.
std::string WordsByPlace(const Command& command) {
  std::string words = CommandNames(command);
  for (const Command::Flag& argument : command.ArgumentsByPlace()) words += Joined(argument.values);
  return words;
}

// Sets `words` and `flags` for one command, and answers where an option's value is typed.
std::string BashCase(const std::string& path, const Command& command) {
  std::string script = "    " + ShellQuoted(path) + ")\n      words='" + WordsByPlace(command) +
                       "' flags='" + FlagNames(command) + "'\n";
  // An option that takes a file or a text leaves files to the shell.
  std::string answers;
  for (const Command::Flag& flag : command.Flags()) {
    if (!flag.takes_value) continue;
    answers += "        " + flag.name + (flag.letter.empty() ? "" : "|" + flag.letter) +
               ") words='" + Joined(flag.values) + "' flags= ;;\n";
  }
  if (!answers.empty()) script += "      case \"$previous\" in\n" + answers + "      esac\n";
  if (command.ArgumentsByPlace().empty() && command.Commands().empty()) {
    script += "      [[ -z $words && -n $flags ]] && words=$flags\n";
  }
  return script + "      ;;\n";
}

// Words typed so far are matched against paths of commands; what follows is their commands, their
// flags, or a value. Where nothing is offered the shell offers files, which it quotes itself.
std::string BashScript(const Command& app) {
  std::vector<std::pair<std::string, Command>> paths;
  ListCommands(app, "", paths);
  std::string script =
      "_minnow() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local path= word words= flags=\n"
      "  if [[ $current == = ]]; then current=\n"
      "  elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  fi\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$path $word\" in\n";
  std::string known;
  for (const auto& [path, command] : paths)
    known += (known.empty() ? "" : "|") + ShellQuoted(" " + path);
  script += "      " + known + ") path=\"$path $word\" ;;\n    esac\n  done\n  case \"$path\" in\n";
  script += BashCase("", app);
  for (const auto& [path, command] : paths) script += BashCase(" " + path, command);
  script +=
      "  esac\n"
      "  [[ $current == -* ]] && words=$flags\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n"
      "complete -o default -F _minnow minnow\n";
  return script;
}

std::string ZshFunction(const Command& command, const std::string& name) {
  std::string script = name + "() {\n  local line state\n  _arguments -C";
  for (const Command::Flag& flag : command.Flags()) {
    const std::string values = flag.values.empty() ? "_files" : "(" + Joined(flag.values) + ")";
    const std::string value = flag.takes_value ? ":value:" + values : "";
    const std::string rest = "[" + ZshDescription(flag.description) + "]" + value;
    script += " \\\n    " + ShellQuoted(flag.name + rest);
    if (!flag.letter.empty()) script += " " + ShellQuoted(flag.letter + rest);
  }
  const std::vector<Command> commands = command.Commands();
  if (commands.empty()) {
    if (command.ArgumentsByPlace().empty()) return script + "\n}\n";
    const std::string words = WordsByPlace(command);
    const std::string values = words.empty() ? "_files" : "(" + words + ")";
    return script + " \\\n    " + ShellQuoted("*:argument:" + values) + "\n}\n";
  }
  script +=
      " \\\n    '1:command:->command' '*::argument:->argument'\n  case $state in\n    command) "
      "_values command";
  for (const Command& sub : commands) {
    script +=
        " \\\n      " + ShellQuoted(sub.name() + "[" + ZshDescription(sub.description()) + "]");
  }
  script += " ;;\n    argument) case $line[1] in\n";
  for (const Command& sub : commands) {
    script += "      " + sub.name() + ") " + name + "_" + sub.name() + " ;;\n";
  }
  script += "    esac ;;\n  esac\n}\n";
  for (const Command& sub : commands) script += ZshFunction(sub, name + "_" + sub.name());
  return script;
}

// Sourced, or as a file of $fpath, which zsh runs at the first completion as if it was _minnow.
std::string ZshScript(const Command& app) {
  return "#compdef minnow\n" + ZshFunction(app, "_minnow") +
         "if [[ $funcstack[1] == _minnow ]]; then _minnow \"$@\"; else compdef _minnow minnow; "
         "fi\n";
}

void AddFishCommand(const std::string& path, const Command& command, std::string& script) {
  const std::string line =
      "complete -c minnow -n " + ShellQuoted("__minnow_at " + ShellQuoted(path));
  const auto add = [&](const std::string& rest) { script += line + rest + "\n"; };
  for (const Command::Flag& flag : command.Flags()) {
    // -F: files, also where the command itself takes none.
    add(" -l " + flag.name.substr(2) + (flag.letter.empty() ? "" : " -s " + flag.letter.substr(1)) +
        (!flag.takes_value     ? ""
         : flag.values.empty() ? " -r -F"
                               : " -r -f -a " + ShellQuoted(Joined(flag.values))) +
        " -d " + ShellQuoted(flag.description));
  }
  for (const Command& sub : command.Commands()) {
    add(" -f -a " + sub.name() + " -d " + ShellQuoted(sub.description()));
  }
  if (!command.Commands().empty()) return;
  const std::string words = WordsByPlace(command);
  if (!words.empty() || command.ArgumentsByPlace().empty()) add(" -f -a " + ShellQuoted(words));
}

// As in bash, the words typed so far are matched against paths of commands.
std::string FishScript(const Command& app) {
  std::vector<std::pair<std::string, Command>> paths;
  ListCommands(app, "", paths);
  std::string known;
  for (const auto& [path, command] : paths) known += " " + ShellQuoted(path);
  std::string script =
      "function __minnow_at\n"
      "  set -l path\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    set -l next (string trim -- \"$path $word\")\n"
      "    contains -- $next" +
      known +
      "; and set path $next\n"
      "  end\n"
      "  test \"$path\" = \"$argv\"\n"
      "end\n";
  AddFishCommand("", app, script);
  for (const auto& [path, command] : paths) AddFishCommand(path, command, script);
  return script;
}

}  // namespace

void AddCompletionCommand(Command app) {
  Command command = app.AddCommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command.AddOption("SHELL", *shell, "bash, zsh or fish").Required().OneOf({"bash", "zsh", "fish"});
  command.Footer(
      "Examples:\n"
      "  source <(minnow completion bash)     for this shell\n"
      "  minnow completion zsh > ~/.zfunc/_minnow\n"
      "  minnow completion fish > ~/.config/fish/completions/minnow.fish");
  command.OnChosen([app, shell] {
    Output output;
    if (*shell == "bash") output.Write(BashScript(app));
    if (*shell == "zsh") output.Write(ZshScript(app));
    if (*shell == "fish") output.Write(FishScript(app));
    return ExitCode(output.Finish());
  });
}

}  // namespace minnow
