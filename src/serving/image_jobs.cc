// SPDX-License-Identifier: Apache-2.0
#include "serving/image_jobs.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <random>
#include <system_error>
#include <utility>

namespace minnow {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kIdBegins = "job_";
constexpr size_t kIdDigits = 32;
// Between two questions of a client.
constexpr std::chrono::seconds kLongestPause{3};

bool IsId(std::string_view id) {
  return id.size() == kIdBegins.size() + kIdDigits && id.starts_with(kIdBegins) &&
         id.find_first_not_of("0123456789abcdef", kIdBegins.size()) == std::string_view::npos;
}

// Nobody guesses it.
std::string NewId() {
  std::random_device random;
  char text[40];
  std::snprintf(text, sizeof text, "job_%08x%08x%08x%08x", random(), random(), random(), random());
  return text;
}

}  // namespace

const char* ImageJobStateName(ImageJobState state) {
  switch (state) {
    case ImageJobState::kQueued:
      return "queued";
    case ImageJobState::kGenerating:
      return "generating";
    case ImageJobState::kCompleted:
      return "completed";
    case ImageJobState::kFailed:
      return "failed";
    case ImageJobState::kCancelled:
      return "cancelled";
  }
  return "";
}

size_t ImageJobResult::bytes() const {
  size_t bytes = sizeof(*this);
  for (const std::string& file : files) bytes += file.size();
  for (const std::string& text : texts) bytes += text.size();
  return bytes;
}

struct ImageJobs::Entry {
  std::string id;
  ImageJobState state = ImageJobState::kQueued;
  steady_clock::time_point created, started, ended;
  bool has_started = false;
  size_t step = 0, steps = 0;
  std::shared_ptr<ClientWatch> watch = std::make_shared<ClientWatch>();
  std::vector<Listener> listeners;
  std::shared_ptr<const ImageJobResult> result;
  size_t result_bytes = 0;
  std::optional<ImageJobError> error;
  bool told = false;  // by Find, since it has ended: listeners come for its pictures yet
};

// Whoever lets go of it will not end the job any more.
struct ImageJobs::Claim {
  Claim(ImageJobs& of, std::string_view job) : jobs(of), id(job) {}
  ~Claim() {
    if (watch != nullptr) jobs.Drop(*this);
  }

  ImageJobs& jobs;
  const std::string id;
  std::shared_ptr<ClientWatch> watch;  // the job's: another one may have its name later
};

ImageJobs::ImageJobs(ImageJobsOptions options, std::shared_ptr<MemoryBudget> memory, Clock clock)
    : options_(options),
      memory_(std::move(memory)),
      clock_(std::move(clock)),
      begin_(clock_()),
      begin_unix_(std::time(nullptr)) {}

ImageJobs::~ImageJobs() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  end_.notify_all();
  if (heart_.joinable()) heart_.join();
  if (memory_ != nullptr) memory_->Give(result_bytes_);
}

int64_t ImageJobs::UnixSeconds(steady_clock::time_point time) const {
  return begin_unix_ + std::chrono::duration_cast<std::chrono::seconds>(time - begin_).count();
}

Result<ImageJobs::Added> ImageJobs::Add(std::string id) {
  if (id.empty()) id = NewId();
  if (!IsId(id)) {
    return Error{Code::kInvalidArgument,
                 "id: expected \"job_\" and 32 lower-case hexadecimal digits"};
  }
  auto claim = std::make_shared<Claim>(*this, id);
  auto entry = std::make_unique<Entry>();
  entry->id = std::move(id);
  const std::lock_guard lock(mutex_);
  DropOld();
  Missing missing;
  if (FindEntry(entry->id, &missing) != nullptr || missing.gone)
    return Error{Code::kInvalidArgument, "id: there is such a job already"};
  if (queued_.size() >= options_.max_waiting) {
    return Error{Code::kOverloaded, std::to_string(queued_.size()) + " jobs wait, limit " +
                                        std::to_string(options_.max_waiting)};
  }
  entry->created = clock_();
  Added added{entry->id, entry->watch, nullptr};
  queued_.push_back(entry.get());
  entries_.emplace(added.id, std::move(entry));
  claim->watch = added.watch;
  added.claim = std::move(claim);
  return added;
}

void ImageJobs::Expire() {
  const std::lock_guard lock(mutex_);
  DropOld();
}

void ImageJobs::Remove(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  LeaveQueue(entry);
  ended_.remove(&entry);
  result_bytes_ -= entry.result_bytes;
  if (memory_ != nullptr) memory_->Give(entry.result_bytes);
  entries_.erase(found);
}

ImageJobs::Entry* ImageJobs::FindEntry(std::string_view id, Missing* missing) {
  DropOld();
  const auto found = entries_.find(id);
  if (found != entries_.end()) return found->second.get();
  if (missing != nullptr) missing->gone = std::ranges::find(gone_, id) != gone_.end();
  return nullptr;
}

ImageJobStatus ImageJobs::StatusOf(const Entry& entry) const {
  ImageJobStatus status;
  status.id = entry.id;
  status.state = entry.state;
  status.created = UnixSeconds(entry.created);
  status.step = entry.step;
  status.steps = entry.steps;
  status.result = entry.result;
  status.error = entry.error;
  if (entry.state == ImageJobState::kQueued) {
    const auto place = std::ranges::find(queued_, &entry);
    status.queue_position = static_cast<size_t>(std::distance(queued_.begin(), place)) + 1;
  }
  const bool ended = HasEnded(entry.state);
  if (ended) status.completed = UnixSeconds(entry.ended);
  if (!entry.has_started) return status;
  status.started = UnixSeconds(entry.started);
  const auto until = ended ? entry.ended : clock_();
  status.elapsed = std::chrono::duration_cast<milliseconds>(until - entry.started);
  if (entry.step > 0 && !ended) {
    const size_t left = entry.steps - std::min(entry.steps, entry.step);
    status.eta = status.elapsed * static_cast<int64_t>(left) / static_cast<int64_t>(entry.step);
  }
  return status;
}

void ImageJobs::Tell(Entry& entry, std::string_view preview) {
  if (entry.listeners.empty()) return;
  const ImageJobStatus status = StatusOf(entry);
  Call(entry, &status, preview);
  if (HasEnded(entry.state)) entry.listeners.clear();
}

void ImageJobs::Call(Entry& entry, const ImageJobStatus* status, std::string_view preview) {
  std::erase_if(entry.listeners, [&](const Listener& listener) {
    try {
      return !listener(status, preview);
    } catch (const std::exception&) {
      return true;
    }
  });
}

// Those behind it move up.
void ImageJobs::LeaveQueue(Entry& entry) {
  const auto place = std::ranges::find(queued_, &entry);
  if (place == queued_.end()) return;
  for (auto next = queued_.erase(place); next != queued_.end(); ++next) Tell(**next, {});
}

void ImageJobs::BeginHeartbeat() {
  if (heart_.joinable()) return;
  try {
    heart_ = std::thread([this] { Beat(); });
  } catch (const std::system_error&) {
    // Who listens hears of changes all the same; the next one tries again.
  }
}

void ImageJobs::Beat() {
  std::unique_lock lock(mutex_);
  while (!end_.wait_for(lock, options_.heartbeat, [this] { return ending_; })) {
    for (const auto& [id, entry] : entries_) Call(*entry, nullptr, {});
  }
}

void ImageJobs::End(Entry& entry, ImageJobState state) {
  LeaveQueue(entry);
  entry.state = state;
  entry.ended = clock_();
  ended_.push_back(&entry);
  Tell(entry, {});
}

void ImageJobs::Report(std::string_view id, size_t step, size_t steps, std::string_view preview) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = FindEntry(id, nullptr);
  if (entry == nullptr || HasEnded(entry->state)) return;
  if (!entry->has_started) {
    entry->has_started = true;
    entry->started = clock_();
    entry->state = ImageJobState::kGenerating;
    LeaveQueue(*entry);
  }
  entry->step = step;
  entry->steps = steps;
  Tell(*entry, preview);
}

bool ImageJobs::TakeMemory(size_t bytes) {
  if (bytes > options_.max_result_bytes) return false;
  while (result_bytes_ + bytes > options_.max_result_bytes) DropOldest();
  while (memory_ != nullptr && !memory_->Take(bytes)) {
    if (result_bytes_ == 0) return false;
    DropOldest();
  }
  result_bytes_ += bytes;
  return true;
}

void ImageJobs::Complete(std::string_view id, ImageJobResult result) {
  auto shared = std::make_shared<const ImageJobResult>(std::move(result));
  const std::lock_guard lock(mutex_);
  Entry* const entry = FindEntry(id, nullptr);
  if (entry == nullptr || HasEnded(entry->state)) return;
  const size_t bytes = shared->bytes();
  if (!TakeMemory(bytes)) {
    entry->error = ImageJobError{"no_memory", "no room for " + std::to_string(bytes) +
                                                  " bytes of pictures until they are asked for"};
    return End(*entry, ImageJobState::kFailed);
  }
  entry->result = std::move(shared);
  entry->result_bytes = bytes;
  End(*entry, ImageJobState::kCompleted);
}

void ImageJobs::Fail(std::string_view id, ImageJobError error) {
  const std::lock_guard lock(mutex_);
  FailEntry(FindEntry(id, nullptr), std::move(error));
}

void ImageJobs::FailEntry(Entry* entry, ImageJobError error) {
  if (entry == nullptr || HasEnded(entry->state)) return;
  entry->error = std::move(error);
  End(*entry, ImageJobState::kFailed);
}

void ImageJobs::Drop(const Claim& claim) {
  try {
    const std::lock_guard lock(mutex_);
    Entry* const entry = FindEntry(claim.id, nullptr);
    if (entry == nullptr || entry->watch != claim.watch) return;
    FailEntry(entry,
              {"generation_failed", "dropped: there was no memory for it, or the server ends"});
  } catch (const std::exception&) {
    // Without memory for that either, its time runs on.
  }
}

bool ImageJobs::IsHeard(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  return found != entries_.end() && !found->second->listeners.empty();
}

bool ImageJobs::AreWaitedFor() const {
  const std::lock_guard lock(mutex_);
  const auto now = clock_();
  return std::ranges::any_of(entries_, [now](const auto& named) {
    const Entry& entry = *named.second;
    return !HasEnded(entry.state) || (!entry.told && now - entry.ended <= kLongestPause);
  });
}

std::optional<ImageJobStatus> ImageJobs::Find(std::string_view id, Missing* missing) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = FindEntry(id, missing);
  if (entry == nullptr) return std::nullopt;
  entry->told = HasEnded(entry->state);
  return StatusOf(*entry);
}

ImageJobs::Cancelled ImageJobs::Cancel(std::string_view id, Missing* missing) {
  std::shared_ptr<ClientWatch> watch;
  {
    const std::lock_guard lock(mutex_);
    Entry* const entry = FindEntry(id, missing);
    if (entry == nullptr) return Cancelled::kMissing;
    if (entry->state == ImageJobState::kCancelled) return Cancelled::kDone;
    if (HasEnded(entry->state)) return Cancelled::kEnded;
    entry->error = ImageJobError{"cancelled", "job cancelled by client"};
    End(*entry, ImageJobState::kCancelled);
    watch = entry->watch;
  }
  watch->MarkGone();
  return Cancelled::kDone;
}

bool ImageJobs::Listen(std::string_view id, Listener listener, Missing* missing) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = FindEntry(id, missing);
  if (entry == nullptr) return false;
  const ImageJobStatus status = StatusOf(*entry);
  if (!listener(&status, {}) || HasEnded(entry->state)) return true;
  entry->listeners.push_back(std::move(listener));
  BeginHeartbeat();
  return true;
}

void ImageJobs::DropOldest() {
  Entry* const entry = ended_.front();
  ended_.pop_front();
  result_bytes_ -= entry->result_bytes;
  if (memory_ != nullptr) memory_->Give(entry->result_bytes);
  gone_.push_back(entry->id);
  if (gone_.size() > options_.max_gone) gone_.pop_front();
  entries_.erase(entries_.find(entry->id));
}

void ImageJobs::DropOld() {
  const auto now = clock_();
  const auto too_many = [this] { return ended_.size() > options_.max_ended; };
  while (!ended_.empty() && (too_many() || now - ended_.front()->ended > options_.keep))
    DropOldest();
}

}  // namespace minnow
