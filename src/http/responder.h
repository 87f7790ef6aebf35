// SPDX-License-Identifier: Apache-2.0
// Responder: the right, and the duty, to answer one request.
//
// Move-only. Send may be called on any thread, once; a Responder that is destroyed without it, or
// whose Send threw, answers 503, so that no client waits for ever, without memory either. It may
// outlive its connection and its server: the answer then goes nowhere.
#pragma once

#include <memory>
#include <utility>

#include "base/check.h"
#include "http/message.h"

namespace minnow::http {

// Where an answer goes. Called on any thread until Deliver returns, or Drop, which comes last.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  // May throw std::bad_alloc; the answer is then still due.
  virtual void Deliver(Response response) = 0;
  // Answers 503, and allocates nothing. `self` is this.
  virtual void Drop(std::unique_ptr<ResponseSink> self) noexcept = 0;
};

class Responder {
 public:
  explicit Responder(std::unique_ptr<ResponseSink> sink) : sink_(std::move(sink)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) = delete;
  ~Responder() {
    ResponseSink* const sink = sink_.get();
    if (sink != nullptr) sink->Drop(std::move(sink_));
  }

  // REQUIRES: not called before.
  void Send(Response response) {
    CHECK(sink_ != nullptr);
    sink_->Deliver(std::move(response));
    sink_ = nullptr;
  }

 private:
  std::unique_ptr<ResponseSink> sink_;
};

}  // namespace minnow::http
