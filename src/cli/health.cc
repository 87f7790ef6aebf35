// SPDX-License-Identifier: Apache-2.0
// minnow health: asks a running server whether it serves; the health check of an image that has no
// shell and no other program.
#include <cmath>
#include <memory>
#include <string>

#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/port_option.h"
#include "http/client.h"

namespace minnow {
namespace {

constexpr double kLongestTimeout = 3600;
constexpr size_t kShownBytes = 200;  // of an answer that is not as hoped
constexpr char kPath[] = "/health";

struct HealthCommand {
  std::string url;
  std::string host = "0.0.0.0";  // the server's default
  int port = 8080;
  double timeout_seconds = 3;
  std::string api_key;
};

// Where a server that listens on `host` is reached from the same machine.
std::string ReachableHost(const std::string& host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  if (host == "::" || host == "[::]") return "[::1]";
  const bool bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  return bare_v6 ? "[" + host + "]" : host;
}

std::string Trimmed(const std::string& text) {
  const char* kBlank = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

Status CheckHealth(const http::ClientTarget& target, const HealthCommand& command) {
  http::ClientOptions options;
  options.timeout =
      std::chrono::milliseconds(static_cast<int64_t>(std::ceil(command.timeout_seconds * 1000)));
  options.api_key = Trimmed(command.api_key);
  const Result<http::ClientAnswer> answer = http::HttpGet(target, options);
  if (!answer.ok()) return Annotate(answer.error(), target.Url());
  std::string said = ForTerminal(Trimmed(answer->body).substr(0, kShownBytes));
  if (answer->status != 200) {
    return Error{Code::kInternal, target.Url() + ": " + std::to_string(answer->status) +
                                      (said.empty() ? "" : ": " + said)};
  }
  Output output;
  output.Write(target.Url() + ": " + (said.empty() ? "200" : said) + "\n");
  return output.Finish();
}

// Ends the command line's parsing as wrong usage where there is nothing to ask.
http::ClientTarget TargetOf(const HealthCommand& command, Option port_option) {
  int port = command.port;
  if (!port_option.given()) ReadPortVariable(port);
  if (command.url.empty() && port == 0) {
    RefuseArgument("--port", "0 lets the server take any port, which its log names: give that one");
  }
  const std::string url = !command.url.empty() ? command.url
                                               : "http://" + ReachableHost(command.host) + ":" +
                                                     std::to_string(port) + kPath;
  auto target = http::ParseClientUrl(url);
  if (!target.ok()) {
    RefuseArgument(command.url.empty() ? "--host" : "--url",
                   "\"" + url + "\": " + target.error().message);
  }
  return *std::move(target);
}

}  // namespace

void AddHealthCommand(Command app) {
  Command health = app.AddCommand("health", "Ask a running server whether it serves");
  auto command = std::make_shared<HealthCommand>();
  health.AddOption("--host", command->host, "Address that the server listens on")
      .Env("MINNOW_HOST");
  Option port = AddPortOption(health, command->port, "Port that the server listens on, or $PORT");
  health.AddOption("--url", command->url,
                   "What to ask instead: http://ADDRESS[:PORT][/PATH]; healthy is the answer 200");
  health.AddOption("--timeout", command->timeout_seconds, "Seconds to wait for the answer")
      .Range(0.001, kLongestTimeout);
  health.AddOption("--api-key", command->api_key, "Key to send; /health needs none")
      .Env("MINNOW_API_KEY");
  health.Footer(
      "Asks for /health, which is 200 once the models are loaded. Options that `minnow serve` has\n"
      "too are read from the same environment, so that the health check of a container needs "
      "none.\n"
      "Exit code 0: healthy, 1: not, with the reason on standard error.\n\n"
      "Examples:\n"
      "  minnow health\n"
      "  minnow health --port 3000 --timeout 1\n"
      "  minnow health --url http://127.0.0.1:8080/readyz");
  health.OnChosen(
      [command, port] { return ExitCode(CheckHealth(TargetOf(*command, port), *command)); });
}

}  // namespace minnow
