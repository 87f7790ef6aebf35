// SPDX-License-Identifier: Apache-2.0
#include "models/builtin/language_detector.h"

#include <cstddef>
#include <span>
#include <utility>

#include "base/mapped_file.h"

// Defined by cmake/language_detector.cmake.
extern "C" {
extern const std::byte minnow_language_detector_begin[];
extern const std::byte minnow_language_detector_end[];
}

namespace minnow {

Result<std::shared_ptr<const PackedFile>> OpenLanguageDetector() {
  return PackedFile::FromMapped(MappedFile::OfProgram(
      std::span(minnow_language_detector_begin, minnow_language_detector_end), kLanguageDetector));
}

}  // namespace minnow
