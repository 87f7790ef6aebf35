// SPDX-License-Identifier: Apache-2.0
// Counting, and the messages of refusal.
#include "engine/admission.h"

#include <string>

#include "engine/item_memory.h"

namespace minnow {
namespace {

using std::chrono::nanoseconds;

// Where nothing was measured yet: a small model on a slow processor.
constexpr double kGuessNsPerWork = 50'000;
// Longer than this nobody is sent away: who asks again costs little.
constexpr std::chrono::seconds kLongestRetry{10};

Error Overloaded(const std::string& what) { return {Code::kOverloaded, "queue full: " + what}; }

size_t BytesOf(const Cost& cost) {
  return cost.bytes + std::min(cost.item_bytes, SIZE_MAX - cost.bytes);
}

std::string Milliseconds(nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
         " ms";
}

}  // namespace

void WorkRate::Observe(size_t work, nanoseconds took) {
  work_ += static_cast<double>(work);
  ns_ += static_cast<double>(took.count());
  if (work_ > window_) {
    work_ /= 2;
    ns_ /= 2;
  }
}

nanoseconds WorkRate::TimeOf(size_t work) const {
  const double each = known() ? ns_ / work_ : kGuessNsPerWork;
  return nanoseconds(static_cast<int64_t>(each * static_cast<double>(work)));
}

Status Admission::Admit(size_t items, const Cost& cost, Priority priority, nanoseconds wait,
                        nanoseconds time_alone, Clock::time_point now) {
  if (load_.jobs >= limits_.jobs) {
    ++refusals_.count;
    return Overloaded(std::to_string(load_.jobs) + " requests waiting, limit " +
                      std::to_string(limits_.jobs));
  }
  // Subtraction on the side that cannot wrap: the counts come from requests.
  if (load_.jobs > 0 && items > limits_.items - std::min(limits_.items, load_.items)) {
    ++refusals_.count;
    return Overloaded(std::to_string(load_.items) + " inputs waiting, limit " +
                      std::to_string(limits_.items));
  }
  if (priority == Priority::kInteractive && cost.work > 0 && wait > limits_.wait) {
    ++refusals_.wait;
    retry_at_ =
        std::min(std::max(retry_at_, now + wait - limits_.wait) + time_alone, now + kLongestRetry);
    return Overloaded("expected wait " + Milliseconds(wait) + ", limit " +
                      Milliseconds(limits_.wait));
  }
  Status fits = CheckMemory(cost);
  if (!fits.ok()) {
    ++refusals_.memory;
    return fits;
  }
  if (!memory_->Take(cost.bytes)) {
    ++refusals_.memory;
    return Error{Code::kOverloaded, "memory full: " + std::to_string(memory_->used()) +
                                        " bytes in use, limit " + std::to_string(memory_->limit())};
  }
  ++load_.jobs;
  load_.items += items;
  load_.work += cost.work;
  load_.bytes += cost.bytes;
  return {};
}

void Admission::Correct(const Cost& before, const Cost& after) {
  load_.work += after.work - before.work;
  load_.bytes += after.bytes - before.bytes;
  // The difference alone: others take from the same budget meanwhile.
  if (after.bytes > before.bytes) {
    memory_->TakeAnyway(after.bytes - before.bytes);
  } else {
    memory_->Give(before.bytes - after.bytes);
  }
}

void Admission::Release(size_t items, const Cost& cost) {
  CHECK(load_.jobs > 0 && load_.items >= items && load_.work >= cost.work &&
        load_.bytes >= cost.bytes);
  --load_.jobs;
  load_.items -= items;
  load_.work -= cost.work;
  load_.bytes -= cost.bytes;
  memory_->Give(cost.bytes);
}

bool Admission::TakeMore(size_t bytes) {
  if (!memory_->Take(bytes)) return false;
  load_.bytes += bytes;
  return true;
}

bool Admission::Fits(const Cost& cost) const {
  const size_t limit = memory_->limit();
  const size_t spare = IsSmallItem(cost.item_bytes, limit) ? 0 : ItemReserve(limit);
  const size_t bytes = BytesOf(cost);
  return bytes <= SIZE_MAX - spare && memory_->MayHold(bytes + spare);
}

Status Admission::CheckMemory(const Cost& cost) const {
  if (Fits(cost)) return {};
  return Error{Code::kInvalidArgument,
               "the request needs " + std::to_string(BytesOf(cost)) +
                   " bytes of memory, more than there ever is beside the models, limit " +
                   std::to_string(memory_->limit())};
}

Status Admission::CheckRoom(const Cost& cost, const Cost& together) {
  Status fits = CheckMemory(cost);
  if (fits.ok() && !Fits(together)) {
    fits =
        Error{Code::kOverloaded, "memory full: what waits holds " + std::to_string(together.bytes) +
                                     " bytes, one needs " + std::to_string(together.item_bytes) +
                                     " more, limit " + std::to_string(memory_->limit())};
  }
  refusals_.memory += fits.ok() ? 0 : 1;
  return fits;
}

Error Admission::InVain(size_t item_bytes) const {
  return {Code::kOverloaded, "memory full: waited in vain for " + std::to_string(item_bytes) +
                                 " bytes, " + std::to_string(memory_->used()) + " in use, limit " +
                                 std::to_string(memory_->limit())};
}

std::chrono::seconds Admission::RetryAfter(Clock::time_point now) const {
  const auto left = std::chrono::ceil<std::chrono::seconds>(retry_at_ - now);
  return std::clamp(left, std::chrono::seconds(1), kLongestRetry);
}

}  // namespace minnow
