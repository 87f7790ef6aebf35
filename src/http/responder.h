// SPDX-License-Identifier: Apache-2.0
// Responder: the right, and the duty, to answer one request.
//
// Move-only. Send may be called on any thread, once; a Responder that is destroyed without it
// answers 500, so that no client waits for ever. It may outlive its connection and its server: the
// answer then goes nowhere.
#pragma once

#include <memory>
#include <utility>

#include "base/check.h"
#include "http/message.h"

namespace minnow::http {

// Where an answer goes. Deliver is called exactly once, on any thread.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual void Deliver(Response response) = 0;
};

class Responder {
 public:
  explicit Responder(std::unique_ptr<ResponseSink> sink) : sink_(std::move(sink)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) = delete;
  ~Responder() {
    if (sink_ != nullptr) sink_->Deliver(PlainResponse(500, "the request was dropped"));
  }

  // REQUIRES: not called before.
  void Send(Response response) {
    CHECK(sink_ != nullptr);
    std::exchange(sink_, nullptr)->Deliver(std::move(response));
  }

 private:
  std::unique_ptr<ResponseSink> sink_;
};

}  // namespace minnow::http
