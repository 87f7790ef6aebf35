// SPDX-License-Identifier: Apache-2.0
// The two forms of a line, and the thread that writes them.
#include "serving/log.h"

#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <mutex>

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

constexpr size_t kMaxWaitingBytes = size_t{1} << 20;
constexpr std::chrono::seconds kFlushLimit{1};

std::string Line(LogFormat format, std::string_view level, std::string_view message,
                 Log::Fields fields) {
  std::string line;
  if (format == LogFormat::kJson) {
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
      value.bare ? json.Raw(value.text) : json.String(value.text);
    }
    json.EndObject();
  } else {
    line = Now();
    for (const std::string_view word : {level, message}) line.append(" ").append(word);
    for (const auto& [name, value] : fields)
      line.append(" ").append(name).append("=").append(value.text);
  }
  line += '\n';
  return line;
}

// There is nobody to tell when it fails.
void WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

Log::Value Log::Value::Milliseconds(std::chrono::nanoseconds time, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits,
                std::chrono::duration<double, std::milli>(time).count());
  Value value(text);
  value.bare = true;
  return value;
}

struct Log::Queue {
  const LogFormat format;
  const int descriptor;
  std::mutex mutex;
  std::condition_variable changed;
  // All below: guarded by mutex.
  std::string waiting;
  uint64_t dropped = 0;  // lines
  bool writing = false;
  bool ending = false;

  void Loop();
  bool Flush();
};

void Log::Queue::Loop() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return ending || !waiting.empty(); });
    if (waiting.empty()) return;
    std::string lines = std::exchange(waiting, {});
    if (const uint64_t lost = std::exchange(dropped, 0); lost > 0) {
      lines += Line(format, "warning", "log lines dropped", {{"lines", lost}});
    }
    writing = true;
    lock.unlock();
    WriteAll(descriptor, lines);
    lock.lock();
    writing = false;
    changed.notify_all();
  }
}

bool Log::Queue::Flush() {
  std::unique_lock lock(mutex);
  return changed.wait_for(lock, kFlushLimit, [this] { return waiting.empty() && !writing; });
}

Log::Log(LogFormat format, int descriptor)
    : queue_(new Queue{.format = format, .descriptor = descriptor}),
      writer_([queue = queue_] { queue->Loop(); }) {}

Log::~Log() {
  const bool written = queue_->Flush();
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->ending = true;
  }
  queue_->changed.notify_all();
  if (written) {
    writer_.join();
  } else {
    writer_.detach();
  }
}

bool Log::Flush() const { return queue_->Flush(); }

void Log::Write(std::string_view level, std::string_view message, Fields fields) const {
  const std::string line = Line(queue_->format, level, message, fields);
  {
    const std::lock_guard lock(queue_->mutex);
    if (queue_->waiting.size() + line.size() > kMaxWaitingBytes) {
      ++queue_->dropped;
      return;
    }
    queue_->waiting += line;
  }
  queue_->changed.notify_all();
}

}  // namespace minnow
