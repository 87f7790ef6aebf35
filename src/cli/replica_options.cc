// SPDX-License-Identifier: Apache-2.0
#include "cli/replica_options.h"

#include <charconv>
#include <chrono>
#include <string>
#include <utility>

#include "http/client.h"

namespace minnow {
namespace {

constexpr int kMinRefreshMs = 100;
constexpr int kMaxRefreshMs = 24 * 3600 * 1000;
// A file may come at this rate, or faster, after the time that any answer may take.
constexpr uint64_t kSlowestBytesPerMs = 64;
constexpr std::chrono::milliseconds kAnswerTime{30'000};
constexpr std::chrono::milliseconds kIdleTime{15'000};

// "90", "90s", "500ms", "5m", "1h"; 0: it is no such time, or out of range.
int ParseMilliseconds(const std::string& text) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number <= 0) return 0;
  for (const auto& [unit, ms] :
       {std::pair("ms", 1), {"", 1000}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}) {
    if (std::string_view(at, end) != unit) continue;
    return number <= kMaxRefreshMs / ms && number * ms >= kMinRefreshMs ? number * ms : 0;
  }
  return 0;
}

// Files of the folder that `target` is; what it has after '?' goes with each of them.
SnapshotFetch FetchOverHttp(http::ClientTarget target) {
  const size_t mark = target.path.find('?');
  const std::string query = mark == std::string::npos ? "" : target.path.substr(mark);
  target.path.resize(target.path.size() - query.size());
  if (!target.path.ends_with('/')) target.path += '/';
  return [target, query](const std::string& name, uint64_t max_bytes, const std::stop_token& stop,
                         const http::BodySink& take) {
    http::ClientTarget file = target;
    file.path += name + query;
    http::ClientOptions options;
    options.timeout = kAnswerTime + std::chrono::milliseconds(max_bytes / kSlowestBytesPerMs);
    options.idle_timeout = kIdleTime;
    options.body_limit_bytes = max_bytes;
    options.stop = stop;
    return http::HttpDownload(file, options, take);
  };
}

void ReadSource(ReplicaOptions& replica) {
  const size_t scheme = replica.from.find("://");
  if (scheme == std::string::npos) return;  // a folder
  if (replica.from.substr(0, scheme) != "http") {
    RefuseArgument("--index-from", replica.from +
                                       ": this program has no TLS; minnow-sync, of the Python "
                                       "package minnow, mirrors it into a folder, which can be "
                                       "given");
  }
  auto target = http::ParseClientUrl(replica.from);
  if (!target.ok()) {
    RefuseArgument("--index-from", replica.from + ": " + target.error().message);
  }
  replica.fetch = FetchOverHttp(std::move(*target));
}

}  // namespace

void AddReplicaOptions(Command serve, ServeCommand& command) {
  ReplicaOptions& replica = command.application.store.replica;
  serve
      .AddOption("--index-from", replica.from,
                 "Folder, or http:// address of one, with snapshots that minnow index snapshot "
                 "writes: the newest is searched, and exchanged without a pause")
      .NotEmpty()
      .Env("MINNOW_INDEX_FROM");
  serve
      .AddOption("--refresh", command.refresh,
                 "How often a newer snapshot is looked for: 30s, 5m, 1h")
      .Env("MINNOW_REFRESH");
  serve
      .AddOption("--index-cache", replica.cache,
                 "Folder for snapshots that are fetched, of this server alone; without it one in "
                 "$TMPDIR, which goes at the end")
      .NotEmpty()
      .Env("MINNOW_INDEX_CACHE");
}

void ReadReplicaOptions(ServeCommand& command) {
  ServedStoreOptions& store = command.application.store;
  ReplicaOptions& replica = store.replica;
  if (replica.from.empty()) {
    if (!replica.cache.empty()) RefuseArgument("--index-cache", "there is no --index-from");
    return;
  }
  if (!store.index.empty()) RefuseArgument("--index-from", "excludes --index");
  if (store.is_kuberian) RefuseArgument("--index-from", "excludes --kuberian");
  if (store.reembed) RefuseArgument("--reembed", "a snapshot is only read");
  const int refresh_ms = ParseMilliseconds(command.refresh);
  if (refresh_ms == 0) {
    RefuseArgument("--refresh",
                   "\"" + command.refresh + "\" is no time such as 30s, 5m or 1h, of 100ms to 24h");
  }
  replica.refresh = std::chrono::milliseconds(refresh_ms);
  ReadSource(replica);
  if (!replica.fetch && !replica.cache.empty()) {
    RefuseArgument("--index-cache", "a folder is served where it lies; it is for http:// only");
  }
}

}  // namespace minnow
