// SPDX-License-Identifier: Apache-2.0
// Log: a line an event on standard error, as text or as JSON. Any thread; a line is written in one
// piece.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace minnow {

enum class LogFormat { kText, kJson };

class Log {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

  explicit Log(LogFormat format) : format_(format) {}

  // text: 2026-01-31T12:00:00.123Z info listening port=8080
  // JSON: {"time":"2026-01-31T12:00:00.123Z","level":"info","message":"listening","port":"8080"}
  void Info(std::string_view message, Fields fields = {}) const { Write("info", message, fields); }
  void Warning(std::string_view message, Fields fields = {}) const {
    Write("warning", message, fields);
  }
  void Error(std::string_view message, Fields fields = {}) const {
    Write("error", message, fields);
  }

 private:
  void Write(std::string_view level, std::string_view message, Fields fields) const;

  const LogFormat format_;
};

}  // namespace minnow
