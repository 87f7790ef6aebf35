// SPDX-License-Identifier: Apache-2.0
// Responder: the right, and the duty, to answer one request. ResponseStream: the same for a body
// that comes in pieces.
//
// Both are move-only, and may outlive their connection and its server: what they send then goes
// nowhere.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "http/message.h"

namespace minnow::http {

// Where an answer goes: Deliver, or Begin, then Write and End. Called on any thread until Deliver
// or Begin returns, and Write on many; Drop comes last.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  // May throw std::bad_alloc; the answer is then still due.
  virtual void Deliver(Response response) = 0;
  // The same, for an answer without its body.
  virtual void Begin(Response head) = 0;
  virtual bool Write(std::string_view piece) noexcept = 0;
  // The body is whole.
  virtual void End() noexcept = 0;
  // Answers 503, or breaks off what has begun and not ended; allocates nothing. `self` is this.
  virtual void Drop(std::unique_ptr<ResponseSink> self) noexcept = 0;
};

// The rest of an answer that has begun. Destroyed without End, it sends what was written and breaks
// the connection off, so that the client sees that the body is not whole.
class ResponseStream {
 public:
  explicit ResponseStream(std::unique_ptr<ResponseSink> sink) : sink_(std::move(sink)) {}
  ResponseStream(ResponseStream&&) noexcept = default;
  ResponseStream& operator=(ResponseStream&&) = delete;
  ~ResponseStream() { Leave(); }

  // Adds to the body, and never waits: pieces are sent at once, those that come meanwhile together.
  // False: nobody will read this, or anything after it. The client has left, or reads so slowly
  // that more than ServerOptions::max_stream_bytes wait for it; its ClientWatch says so too. Any
  // thread, and several at a time.
  // REQUIRES: End was not called.
  bool Write(std::string_view piece) {
    CHECK(sink_ != nullptr);
    return sink_->Write(piece);
  }

  // The body is whole. The last call.
  void End() {
    CHECK(sink_ != nullptr);
    sink_->End();
    Leave();
  }

 private:
  void Leave() {
    ResponseSink* const sink = sink_.get();
    if (sink != nullptr) sink->Drop(std::move(sink_));
  }

  std::unique_ptr<ResponseSink> sink_;
};

// Send or Begin may be called on any thread, once; a Responder that is destroyed without, or whose
// call threw, answers 503, so that no client waits for ever, without memory either.
class Responder {
 public:
  explicit Responder(std::unique_ptr<ResponseSink> sink) : sink_(std::move(sink)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) = delete;
  ~Responder() {
    ResponseSink* const sink = sink_.get();
    if (sink != nullptr) sink->Drop(std::move(sink_));
  }

  // REQUIRES: neither was called before.
  void Send(Response response) {
    CHECK(sink_ != nullptr);
    sink_->Deliver(std::move(response));
    sink_ = nullptr;
  }

  // Sends status and headers of an answer that is never compressed; its body follows.
  // REQUIRES: neither was called before; `head` has no body.
  ResponseStream Begin(Response head) {
    CHECK(sink_ != nullptr && head.body.empty());
    sink_->Begin(std::move(head));
    return ResponseStream(std::move(sink_));
  }

 private:
  std::unique_ptr<ResponseSink> sink_;
};

}  // namespace minnow::http
