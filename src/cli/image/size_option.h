// SPDX-License-Identifier: Apache-2.0
// --size of pictures.
#pragma once

#include <cstdint>
#include <string>

namespace minnow {

struct PictureSize {
  int64_t width = 0;
  int64_t height = 0;
};

// "512x384". Whether a model makes that size is for its task to say. Ends the command line's
// parsing as wrong usage where it is none.
PictureSize ParsePictureSize(const std::string& text);

}  // namespace minnow
