// SPDX-License-Identifier: Apache-2.0
// The files that a request for pictures brings, as pixels. Pure; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "tasks/image/job.h"

namespace minnow {

// What reading them and bringing them to the size of the picture takes at its highest, by their
// headers; files that cannot be read count nothing.
size_t InputFileBytes(const ImageJobRequest& request);

struct ImageSize {
  uint32_t width = 0;  // 0: there is none, or it cannot be read
  uint32_t height = 0;

  size_t pixels() const { return size_t{width} * height; }
};
// By the headers of image_file and of mask_file.
struct InputSizes {
  ImageSize image, mask;
};
InputSizes InputSizesOf(const ImageJobRequest& request);

// Decodes image_file and mask_file to request.request's image and mask, and empties them. Errors
// begin with "image: " or "mask: ". May throw std::bad_alloc.
Status ReadInputFiles(ImageJobRequest& request);

}  // namespace minnow
