// SPDX-License-Identifier: Apache-2.0
// Posting to the I/O thread, with memory or without.
#include "http/connection_sink.h"

#include <boost/asio/post.hpp>
#include <cstddef>
#include <new>
#include <utility>

#include "http/connection.h"
#include "http/stream_pipe.h"

namespace minnow::http {
namespace {

namespace asio = boost::asio;

constexpr size_t kCodedOnLoopBytes = 32 * 1024;  // a third of a millisecond

// Brings an answer from any thread back to its connection.
class ConnectionSink : public ResponseSink {
 public:
  explicit ConnectionSink(SinkTarget target) : target_(std::move(target)) {}

  void Deliver(Response response) override {
    // A large body is coded only by the thread that made it, never by the I/O thread.
    const bool on_loop = OnLoop();
    ApplyCoding(target_.coding, on_loop ? kCodedOnLoopBytes : SIZE_MAX, response);
    if (on_loop) {
      target_.connection->OnResponse(target_.serial, std::move(response));
      return;
    }
    // The posted function holds no reference to the io_context, which would then never be
    // destroyed.
    asio::post(*target_.io, [connection = target_.connection, serial = target_.serial,
                             response = std::move(response)]() mutable {
      connection->OnResponse(serial, std::move(response));
    });
  }

  void Begin(Response head) override {
    auto pipe = std::make_shared<StreamPipe>(target_.unread, target_.stream_limit);
    if (OnLoop()) {
      target_.connection->OnStream(target_.serial, std::move(head), pipe);
    } else {
      asio::post(*target_.io, [connection = target_.connection, serial = target_.serial,
                               head = std::move(head), pipe]() mutable {
        connection->OnStream(serial, std::move(head), std::move(pipe));
      });
    }
    pipe_ = std::move(pipe);
  }

  bool Write(std::string_view piece) noexcept override {
    if (target_.client->gone()) return false;
    const bool taken = pipe_->Put(piece);
    if (pipe_->NeedsWaking()) PostWake();
    return taken;
  }

  void End() noexcept override { pipe_->Close(StreamPipe::State::kEnded); }

  void Drop(std::unique_ptr<ResponseSink> self) noexcept override {
    // Not kept by what is posted: the io_context would never be destroyed.
    const std::shared_ptr<asio::io_context> io = std::move(target_.io);
    if (io->get_executor().running_in_this_thread()) return DropHere();
    asio::post(*io, Dropping{this, std::move(self)});
  }

 private:
  // Gives out the sink's own bytes, once.
  template <class T>
  struct OwnMemory {
    using value_type = T;
    template <class U>
    struct rebind {
      using other = OwnMemory<U>;
    };
    explicit OwnMemory(ConnectionSink* sink) : sink(sink) {}
    template <class U>
    OwnMemory(const OwnMemory<U>& other)
        : sink(other.sink) {}  // NOLINT(google-explicit-constructor)
    T* allocate(size_t count) {
      CHECK(count * sizeof(T) <= sizeof sink->memory_);
      return reinterpret_cast<T*>(sink->memory_);
    }
    void deallocate(T*, size_t) {}
    template <class U>
    bool operator==(const OwnMemory<U>& other) const {
      return sink == other.sink;
    }
    ConnectionSink* sink;
  };
  // Posted, it lies in the memory of the sink, which it owns: the memory is free again when it is
  // called or thrown away.
  struct Dropping {
    using allocator_type = OwnMemory<void*>;
    allocator_type get_allocator() const noexcept { return allocator_type(sink); }
    void operator()() { sink->DropHere(); }
    ConnectionSink* sink;
    std::unique_ptr<ResponseSink> self;
  };

  bool OnLoop() const { return target_.io->get_executor().running_in_this_thread(); }

  // Also on the I/O thread, where the pieces of one handler then go together.
  void PostWake() noexcept {
    try {
      asio::post(*target_.io,
                 [connection = target_.connection, serial = target_.serial, pipe = pipe_] {
                   pipe->Woken();
                   connection->OnPieces(serial);
                 });
    } catch (const std::bad_alloc&) {
      pipe_->Woken();  // the next piece tries again, and Drop needs no memory
    }
  }

  // On the I/O thread.
  void DropHere() noexcept {
    if (pipe_ != nullptr) {
      pipe_->Close(StreamPipe::State::kAbandoned);
      target_.connection->OnPieces(target_.serial);
      return;
    }
    Response response{.status = 503, .content_type = {}, .headers = {}, .body = {}};
    try {
      response = target_.connection->Refusal(503, "the request was dropped");
    } catch (const std::bad_alloc&) {
      // The status alone, then.
    }
    target_.connection->OnResponse(target_.serial, std::move(response));
  }

  static constexpr size_t kPostBytes = 256;  // what asio needs for a Dropping
  alignas(std::max_align_t) std::byte memory_[kPostBytes];
  SinkTarget target_;
  std::shared_ptr<StreamPipe> pipe_;  // once the answer has begun
};

}  // namespace

std::unique_ptr<ResponseSink> NewConnectionSink(SinkTarget target) {
  return std::make_unique<ConnectionSink>(std::move(target));
}

}  // namespace minnow::http
