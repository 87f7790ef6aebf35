// SPDX-License-Identifier: Apache-2.0
// How coroutines of this folder wait: with the error as a value, not as an exception.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace minnow::http {

inline constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable);

}  // namespace minnow::http
