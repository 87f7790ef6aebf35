// SPDX-License-Identifier: Apache-2.0
// --port, MINNOW_PORT and PORT.
#include "cli/port_option.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace minnow {
namespace {

constexpr int kLastPort = 65535;

// Kubernetes sets MINNOW_PORT=tcp://ADDRESS:PORT in every pod beside a Service named "minnow": that
// is not our option.
void ForgetServiceVariable() {
  const char* text = std::getenv("MINNOW_PORT");
  if (text != nullptr && std::strncmp(text, "tcp://", 6) == 0) ::unsetenv("MINNOW_PORT");
}

}  // namespace

Option AddPortOption(Command command, int& port, const std::string& description) {
  ForgetServiceVariable();
  return command.AddOption("--port", port, description).Range(0, kLastPort).Env("MINNOW_PORT");
}

void ReadPortVariable(int& port) {
  const char* text = std::getenv("PORT");
  if (text == nullptr || *text == '\0') return;
  const char* end = text + std::strlen(text);
  const auto [parsed, error] = std::from_chars(text, end, port);
  if (error != std::errc() || parsed != end || port < 0 || port > kLastPort) {
    RefuseArgument("PORT", std::string(text) + " is not in range [0 - 65535]");
  }
}

}  // namespace minnow
