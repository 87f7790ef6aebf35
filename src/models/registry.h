// SPDX-License-Identifier: Apache-2.0
// The families of models that this program runs.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/bert/family.h"

namespace minnow {

// The largest config.json that is read.
inline constexpr size_t kMaxConfigBytes = size_t{16} << 20;

std::span<const EncoderFamily> EncoderFamilies();

// The family whose model_type that is. REQUIRES: there is one; T5's is none of them.
const EncoderFamily& FamilyOf(std::string_view model_type);

// The text of a config.json as its family reads it; `name` stands for it in messages; of T5's
// family, what its encoder has. An unknown model_type is kUnsupported.
Result<EncoderConfig> ParseEncoderConfig(const std::string& json, const std::string& name);
// The same of a file.
Result<EncoderConfig> ReadEncoderConfig(const std::string& path);

}  // namespace minnow
