// SPDX-License-Identifier: Apache-2.0
// The language detector that the program carries: a packed classifier of 20 languages, trained by
// tools/language_detector/train.py, part of the program's constant data and used where it lies:
// pages that nobody touches take no memory. docs/language-detector.md says what it is and how good.
#pragma once

#include <memory>

#include "base/result.h"
#include "formats/packed.h"

namespace minnow {

// The path that means this model, wherever a model's path is asked for.
inline constexpr const char* kLanguageDetector = "builtin:language-detector";

// Fails only where the program is damaged. Thread-safe.
Result<std::shared_ptr<const PackedFile>> OpenLanguageDetector();

}  // namespace minnow
