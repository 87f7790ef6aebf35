// SPDX-License-Identifier: Apache-2.0
// Log: a line an event on standard error, as text or as JSON.
//
// Any thread, and none waits for the reader: lines go to a queue that a thread of the log writes
// out. What does not fit the queue is dropped, and a line says how much was.
#pragma once

#include <chrono>
#include <concepts>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace minnow {

enum class LogFormat { kText, kJson };

class Log {
 public:
  // A text, or what JSON writes without quotes: a number, true, false.
  struct Value {
    Value(std::string value) : text(std::move(value)) {}  // NOLINT(google-explicit-constructor)
    Value(const char* value) : text(value) {}             // NOLINT(google-explicit-constructor)
    template <std::integral T>
    Value(T value) : bare(true) {  // NOLINT(google-explicit-constructor)
      if constexpr (std::same_as<T, bool>) {
        text = value ? "true" : "false";
      } else {
        text = std::to_string(value);
      }
    }
    // With so many digits behind the point.
    static Value Milliseconds(std::chrono::nanoseconds time, int digits);

    std::string text;
    bool bare = false;
  };
  using Fields = std::initializer_list<std::pair<std::string_view, Value>>;

  // The descriptor outlives the log.
  explicit Log(LogFormat format, int descriptor = 2);
  // Waits a second at most for the reader of what is left.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // text: 2026-01-31T12:00:00.123Z info listening port=8080
  // JSON: {"time":"2026-01-31T12:00:00.123Z","level":"info","message":"listening","port":8080}
  void Info(std::string_view message, Fields fields = {}) const { Write("info", message, fields); }
  void Warning(std::string_view message, Fields fields = {}) const {
    Write("warning", message, fields);
  }
  void Error(std::string_view message, Fields fields = {}) const {
    Write("error", message, fields);
  }
  // Waits a second at most until what was logged is written. False: the reader does not read.
  bool Flush() const;

 private:
  // Outlives the log where its thread is held up by a reader that does not read.
  struct Queue;

  void Write(std::string_view level, std::string_view message, Fields fields) const;

  const std::shared_ptr<Queue> queue_;
  std::thread writer_;
};

}  // namespace minnow
