// SPDX-License-Identifier: Apache-2.0
// The way of an answer from any thread back to its connection. Internal to http/.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>

#include "http/compression.h"
#include "http/responder.h"

namespace minnow::http {

class Connection;

// Keeps io_context and connection until the answer is delivered. `serial` is the request's.
std::unique_ptr<ResponseSink> NewConnectionSink(std::shared_ptr<boost::asio::io_context> io,
                                                std::shared_ptr<Connection> connection,
                                                uint64_t serial, const CodingChoice& coding);

}  // namespace minnow::http
