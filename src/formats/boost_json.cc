// SPDX-License-Identifier: Apache-2.0
// The one place where the sources of Boost.JSON are compiled.
#include <boost/json/src.hpp>
