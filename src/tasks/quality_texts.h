// SPDX-License-Identifier: Apache-2.0
// The texts that a packed model is measured with: 64, short and long, in several languages.
#pragma once

#include <string>
#include <vector>

namespace minnow {

std::vector<std::string> QualityTexts();

}  // namespace minnow
