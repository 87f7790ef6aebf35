// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/t5_harness.h"

#include <cstdlib>

namespace minnow {

std::string T5Golden(const std::string& name) {
  return std::string(MINNOW_SOURCE_DIR) + "/tests/golden/t5/" + name;
}

std::string T5Shared() {
  const char* data = std::getenv("MINNOW_DATA");
  return (data != nullptr ? std::string(data)
                          : std::string(MINNOW_SOURCE_DIR) + "/../shared/data") +
         "/t5_fixtures/t5_relu_tied";
}

}  // namespace minnow
