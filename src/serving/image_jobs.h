// SPDX-License-Identifier: Apache-2.0
// ImageJobs: requests for pictures that nobody waits for with an open connection: who asks is given
// a name, and comes back for the state and the pictures.
//
//   queued -> generating -> completed
//      |          |-------> failed
//      '----------'-------> cancelled
//
// Jobs that have ended are kept for a while, and are bounded in number and in bytes; then a name is
// known to be gone for a while longer. What is stored is counted in the memory budget. What is too
// old is dropped whenever anything is asked, or by Expire.
//
// Any thread. One of its own, which begins with the first listener, tells those who listen that
// nothing has changed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/client_watch.h"
#include "base/memory_budget.h"
#include "base/result.h"

namespace minnow {

enum class ImageJobState { kQueued, kGenerating, kCompleted, kFailed, kCancelled };
// "queued", ...
const char* ImageJobStateName(ImageJobState state);
constexpr bool HasEnded(ImageJobState state) { return state >= ImageJobState::kCompleted; }

// What came of a job: files, and what they were made of.
struct ImageJobResult {
  std::string format;                   // "png"
  std::vector<std::string> files;       // in base64, as they are told
  std::vector<uint64_t> seeds;          // of each
  std::vector<std::string> texts = {};  // of each: its generation parameters
  uint32_t width = 0, height = 0;
  std::vector<std::string> warnings = {};

  size_t bytes() const;
};

struct ImageJobError {
  std::string code;  // "invalid_request"
  std::string message;
};

struct ImageJobStatus {
  std::string id;
  ImageJobState state = ImageJobState::kQueued;
  int64_t created = 0;                        // Unix seconds
  std::optional<int64_t> started, completed;  // completed: ended, in whatever way
  size_t queue_position = 0;                  // from 1, of a queued job
  size_t step = 0, steps = 0;
  std::chrono::milliseconds elapsed{0};          // since it started
  std::optional<std::chrono::milliseconds> eta;  // of one that has done a step
  std::shared_ptr<const ImageJobResult> result;  // of a completed one
  std::optional<ImageJobError> error;            // of a failed or cancelled one
};

struct ImageJobsOptions {
  size_t max_waiting = 64;
  std::chrono::seconds keep{600};
  size_t max_ended = 1024;
  size_t max_result_bytes = size_t{256} << 20;
  size_t max_gone = 4096;  // names
  std::chrono::milliseconds heartbeat{12'000};
};

class ImageJobs {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  // Hears of each change, that of its place in the queue too, one call at a time, the last one for
  // the end; it must be quick, and not call back. preview: a file in base64, empty where there is
  // none. Null: nothing has changed for a heartbeat. False, or an exception: it wants no more.
  using Listener = std::function<bool(const ImageJobStatus* status, std::string_view preview)>;

  explicit ImageJobs(ImageJobsOptions options = {}, std::shared_ptr<MemoryBudget> memory = nullptr,
                     Clock clock = std::chrono::steady_clock::now);
  ~ImageJobs();
  ImageJobs(const ImageJobs&) = delete;
  ImageJobs& operator=(const ImageJobs&) = delete;

  const ImageJobsOptions& options() const { return options_; }

  struct Added {
    std::string id;
    std::shared_ptr<ClientWatch> watch;  // says that the client has left once the job is cancelled
    // Held by whoever makes the pictures: once all copies are gone, a job that has not ended fails.
    std::shared_ptr<const void> claim;
  };
  // A queued job. id: "job_" and 32 lower-case hexadecimal digits of chance, by which who asks may
  // cancel it before it was told that it is taken; empty: one is drawn. kOverloaded: max_waiting
  // are queued. kInvalidArgument: another id, or one that is known.
  Result<Added> Add(std::string id = {});
  void Expire();
  // As if there had been none: it was refused.
  void Remove(std::string_view id);

  // Changes; of a job that has ended they do nothing.
  // The first one starts it.
  void Report(std::string_view id, size_t step, size_t steps, std::string_view preview = {});
  // Fails where there is no room for the files.
  void Complete(std::string_view id, ImageJobResult result);
  void Fail(std::string_view id, ImageJobError error);
  // Whether somebody listens.
  bool IsHeard(std::string_view id) const;
  // Whether anybody may come yet: for a job that has not ended, or has within the last seconds and
  // nobody was told so.
  bool AreWaitedFor() const;

  // kNotFound: never heard of, or long ago; `gone`: its time is over.
  struct Missing {
    bool gone = false;
  };
  // nullopt: it is missing.
  std::optional<ImageJobStatus> Find(std::string_view id, Missing* missing);
  enum class Cancelled { kDone, kEnded, kMissing };
  // kDone of one that was cancelled before, too; kEnded: it completed or failed.
  Cancelled Cancel(std::string_view id, Missing* missing);
  // Calls `listener` with the state now, and then with each change. False: it is missing.
  bool Listen(std::string_view id, Listener listener, Missing* missing);

 private:
  struct Claim;
  struct Entry;
  // Its job fails, unless it has ended.
  void Drop(const Claim& claim);
  using Entries = std::map<std::string, std::unique_ptr<Entry>, std::less<>>;

  // All REQUIRE mutex_.
  Entry* FindEntry(std::string_view id, Missing* missing);
  ImageJobStatus StatusOf(const Entry& entry) const;
  void Tell(Entry& entry, std::string_view preview);
  void Call(Entry& entry, const ImageJobStatus* status, std::string_view preview);
  void LeaveQueue(Entry& entry);
  void FailEntry(Entry* entry, ImageJobError error);
  void End(Entry& entry, ImageJobState state);
  void DropOld();
  void DropOldest();
  bool TakeMemory(size_t bytes);
  int64_t UnixSeconds(std::chrono::steady_clock::time_point time) const;
  void BeginHeartbeat();
  // Without the mutex.
  void Beat();

  const ImageJobsOptions options_;
  const std::shared_ptr<MemoryBudget> memory_;  // null: no limit
  const Clock clock_;
  const std::chrono::steady_clock::time_point begin_;
  const int64_t begin_unix_;

  mutable std::mutex mutex_;
  Entries entries_;           // guarded by mutex_, as all below
  std::list<Entry*> queued_;  // in their order
  std::list<Entry*> ended_;   // the oldest first
  std::deque<std::string> gone_;
  size_t result_bytes_ = 0;
  bool ending_ = false;
  std::condition_variable end_;
  std::thread heart_;  // once somebody has listened
};

}  // namespace minnow
