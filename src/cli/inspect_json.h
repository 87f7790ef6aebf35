// SPDX-License-Identifier: Apache-2.0
// What minnow inspect prints with --json.
#pragma once

#include <string>

#include "cli/model_report.h"

namespace minnow {

// One JSON object and a line's end. What could not be read is null. `each_tensor`: with a list of
// all tensors.
std::string ReportJson(const ModelReport& report, bool each_tensor);

}  // namespace minnow
