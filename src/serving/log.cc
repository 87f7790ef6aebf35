// SPDX-License-Identifier: Apache-2.0
// The two forms of a line.
#include "serving/log.h"

#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "formats/json.h"

namespace minnow {
namespace {

std::string Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const time_t seconds = static_cast<time_t>(ms / 1000);
  tm utc;
  ::gmtime_r(&seconds, &utc);
  char date[32], text[40];
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text, sizeof(text), "%s.%03dZ", date, static_cast<int>(ms % 1000));
  return text;
}

}  // namespace

void Log::Write(std::string_view level, std::string_view message, Fields fields) const {
  std::string line;
  if (format_ == LogFormat::kJson) {
    JsonWriter json(&line);
    json.BeginObject();
    json.Key("time");
    json.String(Now());
    json.Key("level");
    json.String(level);
    json.Key("message");
    json.String(message);
    for (const auto& [name, value] : fields) {
      json.Key(name);
      json.String(value);
    }
    json.EndObject();
  } else {
    line = Now();
    for (const std::string_view word : {level, message}) line.append(" ").append(word);
    for (const auto& [name, value] : fields)
      line.append(" ").append(name).append("=").append(value);
  }
  line += '\n';
  // One write, so that lines of several threads do not mix. There is nobody to tell when it fails.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace minnow
