// SPDX-License-Identifier: Apache-2.0
#include "api/images/image_stream.h"

#include <utility>

namespace minnow::api {

void ImageStream::Add(ImageProgress progress) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(progress));
    if (std::exchange(writing_, true)) return;
  }
  const Status taken =
      call_->context().aside->Submit([self = shared_from_this()] { self->WriteAll(); });
  if (taken.ok()) return;
  const std::lock_guard lock(mutex_);
  writing_ = false;  // with what comes next
}

void ImageStream::Finish(Result<ImageAnswer> answer) {
  {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
    if (std::exchange(writing_, true)) return;
  }
  call_->RunOffloadedOrInline([self = shared_from_this()](Call&) { self->WriteAll(); });
}

void ImageStream::WriteAll() {
  while (true) {
    std::optional<ImageProgress> progress;
    std::optional<Result<ImageAnswer>> answer;
    {
      const std::lock_guard lock(mutex_);
      if (!waiting_.empty()) {
        progress = std::move(waiting_.front());
        waiting_.pop_front();
      } else if (answer_) {
        answer = std::move(answer_);
        answer_ = std::nullopt;
      } else {
        writing_ = false;
        return;
      }
    }
    if (answer) return WriteLast(*std::move(answer));
    std::string events;
    events_->WriteProgress(*call_, *progress, events);
    Send(events);
  }
}

void ImageStream::WriteLast(Result<ImageAnswer> answer) {
  if (!answer.ok()) return Fail(ToFailure(std::move(answer).error(), names_));
  std::string events;
  const Status written = events_->WriteEnd(*call_, *answer, events);
  if (!written.ok()) return Fail(ToFailure(written.error()));
  CountImages(*call_, *answer);
  Send(events);
  if (stream_) stream_->End();
}

void ImageStream::Fail(Failure failure) {
  if (!stream_) return call_->Fail(std::move(failure));
  failure = call_->Explain(std::move(failure));
  call_->CountFailure(failure);
  std::string events;
  events_->WriteError(*call_, failure, events);
  Send(events);
  stream_->End();
}

void ImageStream::Send(const std::string& events) {
  if (events.empty() || left_) return;
  if (!stream_) stream_.emplace(call_->Stream("text/event-stream"));
  left_ = !stream_->Write(events);
}

}  // namespace minnow::api
