// SPDX-License-Identifier: Apache-2.0
// Functions and scores as Kuberian writes them, byte for byte.
#pragma once

#include <cstdint>
#include <string>

#include "formats/json.h"

namespace minnow::api {

// {"id","name","signature","file","line":{"start","end"},"summary","extra"}: "extra" is null, or
// with `extra` {"code","background","analysis","purpose","comment","opinion"}. What the document
// does not have is "", 0 or null.
void WriteFunction(uint64_t id, const JsonView& document, bool extra, JsonWriter& json);

// The shortest text of an f32 as Rust's serde_json prints it: "0.5", "1.0", "1e-7".
std::string FormatScore(float score);

}  // namespace minnow::api
