// SPDX-License-Identifier: Apache-2.0
// Posting to the I/O thread, with memory or without.
#include "http/connection_sink.h"

#include <boost/asio/post.hpp>
#include <cstddef>
#include <new>
#include <utility>

#include "http/connection.h"

namespace minnow::http {
namespace {

namespace asio = boost::asio;

constexpr size_t kCodedOnLoopBytes = 32 * 1024;  // a third of a millisecond

// Brings an answer from any thread back to its connection.
class ConnectionSink : public ResponseSink {
 public:
  ConnectionSink(std::shared_ptr<asio::io_context> io, std::shared_ptr<Connection> connection,
                 uint64_t serial, const CodingChoice& coding)
      : io_(std::move(io)), connection_(std::move(connection)), serial_(serial), coding_(coding) {}

  void Deliver(Response response) override {
    // A large body is coded only by the thread that made it, never by the I/O thread.
    const bool on_loop = io_->get_executor().running_in_this_thread();
    ApplyCoding(coding_, on_loop ? kCodedOnLoopBytes : SIZE_MAX, response);
    if (on_loop) {
      connection_->OnResponse(serial_, std::move(response));
      return;
    }
    // The posted function holds no reference to the io_context, which would then never be
    // destroyed.
    asio::post(*io_, [connection = connection_, serial = serial_,
                      response = std::move(response)]() mutable {
      connection->OnResponse(serial, std::move(response));
    });
  }

  void Drop(std::unique_ptr<ResponseSink> self) noexcept override {
    // Not kept by what is posted: the io_context would never be destroyed.
    const std::shared_ptr<asio::io_context> io = std::move(io_);
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

  // On the I/O thread.
  void DropHere() noexcept {
    Response response{.status = 503, .content_type = {}, .headers = {}, .body = {}};
    try {
      response = connection_->Refusal(503, "the request was dropped");
    } catch (const std::bad_alloc&) {
      // The status alone, then.
    }
    connection_->OnResponse(serial_, std::move(response));
  }

  static constexpr size_t kPostBytes = 256;  // what asio needs for a Dropping
  alignas(std::max_align_t) std::byte memory_[kPostBytes];
  std::shared_ptr<asio::io_context> io_;  // declared first: outlives the connection's socket
  std::shared_ptr<Connection> connection_;
  uint64_t serial_;
  CodingChoice coding_;
};

}  // namespace

std::unique_ptr<ResponseSink> NewConnectionSink(std::shared_ptr<asio::io_context> io,
                                                std::shared_ptr<Connection> connection,
                                                uint64_t serial, const CodingChoice& coding) {
  return std::make_unique<ConnectionSink>(std::move(io), std::move(connection), serial, coding);
}

}  // namespace minnow::http
