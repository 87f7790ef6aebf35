// SPDX-License-Identifier: Apache-2.0
// Boost.Asio and Boost.Beast, compiled once here for the whole program.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
