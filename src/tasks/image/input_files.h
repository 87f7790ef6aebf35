// SPDX-License-Identifier: Apache-2.0
// The files that a request for pictures brings, as pixels. Pure; thread-safe.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "tasks/image/job.h"

namespace minnow {

// What reading them takes at its highest, by their headers; files that cannot be read count
// nothing.
size_t InputFileBytes(const ImageJobRequest& request);

// Decodes image_file and mask_file to request.request's image and mask, and empties them. Errors
// begin with "image: " or "mask: ". May throw std::bad_alloc.
Status ReadInputFiles(ImageJobRequest& request);

}  // namespace minnow
