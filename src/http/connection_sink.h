// SPDX-License-Identifier: Apache-2.0
// The way of an answer from any thread back to its connection. Internal to http/.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>

#include "base/client_watch.h"
#include "http/compression.h"
#include "http/responder.h"
#include "http/unread_bytes.h"

namespace minnow::http {

class Connection;

// One request that is to be answered.
struct SinkTarget {
  std::shared_ptr<boost::asio::io_context> io;  // declared first: outlives the connection's socket
  std::shared_ptr<Connection> connection;
  uint64_t serial = 0;  // of the request
  CodingChoice coding;
  std::shared_ptr<ClientWatch> client;
  std::shared_ptr<UnreadBytes> unread;
  size_t stream_limit = 0;  // as RouteOptions has it
};

// Keeps what `target` names until the answer is delivered.
std::unique_ptr<ResponseSink> NewConnectionSink(SinkTarget target);

}  // namespace minnow::http
