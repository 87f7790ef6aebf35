// SPDX-License-Identifier: Apache-2.0
// ImageStream: the answer to one request for pictures in events, as they come from a model's
// thread. They are written on the aside lane, one after the other, since a picture takes long to
// encode.
//
// A client that leaves ends the job by its ClientWatch.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api/images/image_call.h"
#include "http/responder.h"

namespace minnow::api {

class ImageStream : public std::enable_shared_from_this<ImageStream> {
 public:
  ImageStream(std::shared_ptr<Call> call, ImageFieldNames names,
              std::unique_ptr<ImageEvents> events)
      : call_(std::move(call)), names_(names), events_(std::move(events)) {}

  // Any thread.
  void Add(ImageProgress progress);
  // Last, once.
  void Finish(Result<ImageAnswer> answer);

 private:
  // What is left is written here.
  void WriteAll();
  void WriteLast(Result<ImageAnswer> answer);
  void Fail(Failure failure);
  void Send(const std::string& events);

  const std::shared_ptr<Call> call_;
  const ImageFieldNames names_;
  // Below: of whoever writes.
  const std::unique_ptr<ImageEvents> events_;
  std::optional<http::ResponseStream> stream_;  // once it has begun
  bool left_ = false;                           // nobody reads any more

  std::mutex mutex_;
  std::deque<ImageProgress> waiting_;          // guarded by mutex_, as all below
  std::optional<Result<ImageAnswer>> answer_;  // waits
  bool writing_ = false;
};

}  // namespace minnow::api
